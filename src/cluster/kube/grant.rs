//! What says who asks: the Authorization header, or a client certificate, and for how long it does.
//!
//! A token is marked as sensitive as soon as it is one, so that no log shows it.

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};

/// A grant is renewed this long before its end.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What a plugin or a file gave.
#[derive(Clone, Default)]
pub(super) struct Grant {
    /// The Authorization header.
    pub header: Option<HeaderValue>,
    /// PEM of certificate and key.
    pub certificate: Option<ClientCertificate>,
    /// When to ask again.
    renew_at: Option<Timestamp>,
}

/// A client certificate that a plugin gave.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ClientCertificate {
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub key: String,
}

impl Grant {
    /// A header that holds until the server refuses it.
    pub fn from_header(header: HeaderValue) -> Self {
        Self {
            header: Some(header),
            ..Self::default()
        }
    }

    /// From a plugin's answer.
    pub fn new(
        token: Option<&str>,
        certificate: Option<ClientCertificate>,
        expires: Option<Timestamp>,
    ) -> Option<Self> {
        let header = match token {
            Some(token) => Some(bearer(token)?),
            None => None,
        };

        // A token that lives shorter than the margin is used for half of its life.
        let now = Timestamp::now();
        let renew_at = expires.map(|end| {
            // One that has ended already is used once all the same: whether it has, the server's clock
            // decides.
            let half = SignedDuration::from_millis(end.duration_since(now).as_millis() as i64 / 2);
            end.checked_sub(MARGIN.min(half.abs())).unwrap_or(end)
        });

        Some(Self {
            header,
            certificate,
            renew_at,
        })
    }

    /// Whether it must be asked for again.
    pub fn is_due(&self) -> bool {
        self.renew_at.is_some_and(|at| at <= Timestamp::now())
    }
}

/// The header that carries a token; none where it is not one line of text.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    // A file ends with a newline, which no header may hold.
    let token = token.trim();
    if token.is_empty() {
        return None;
    }

    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    // Logs of the HTTP stack show such a header as `Sensitive`.
    value.set_sensitive(true);
    Some(value)
}
