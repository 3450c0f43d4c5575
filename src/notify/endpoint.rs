//! Where a sink posts to: one URL, with bounded requests. Its path and its token may be credentials: of an address only the
//! host is shown.

use crate::model::drift::SinkError;
use crate::model::phrase::shorten;
use crate::model::unseen::is_unseen;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONNECTING: Duration = Duration::from_secs(5);
/// Of a whole request with its answer.
const WHOLE: Duration = Duration::from_secs(15);
/// Of an answer that refuses so much is read; its first words are shown.
const ANSWER_BYTES: usize = 16 * 1024;
const ANSWER_CHARACTERS: usize = 200;
/// A token is never longer.
const TOKEN_BYTES: u64 = 64 * 1024;
const AGENT: &str = concat!("kubectl-delivery/", env!("CARGO_PKG_VERSION"));

/// Where a sink posts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    token: Option<PathBuf>,
}

/// Why a URL is none that is posted to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is none. What was found is not shown: what is almost a URL may hold a password.
    #[error("expected an http or https URL")]
    NotAUrl,
    /// It has another scheme.
    #[error("expected an http or https URL, found one with {scheme}")]
    OtherScheme {
        /// Its scheme.
        scheme: String,
    },
    /// It holds a user or a password, which other users of the machine could read.
    #[error("expected a URL without credentials")]
    HasCredentials,
    /// A token would be sent where others can read it.
    #[error("expected an https URL where a token is sent, found one with http to {host}")]
    TokenWithoutTls {
        /// Its host.
        host: String,
    },
}

impl Endpoint {
    /// From a URL, and the file that holds a bearer token.
    ///
    /// # Errors
    ///
    /// Where it is no http or https URL, holds credentials, or would show the token to a network.
    pub fn parse(url: &str, token: Option<PathBuf>) -> Result<Self, EndpointError> {
        let url = Url::parse(url).map_err(|_| EndpointError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(EndpointError::OtherScheme { scheme });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::HasCredentials);
        }
        if token.is_some() && url.scheme() == "http" && !is_loopback(&url) {
            let host = host_of(&url);
            return Err(EndpointError::TokenWithoutTls { host });
        }
        Ok(Self { url, token })
    }

    /// The same with a path below its own.
    #[must_use]
    pub(super) fn below(mut self, path: &str) -> Self {
        let whole = format!("{}{path}", self.url.path().trim_end_matches('/'));
        self.url.set_path(&whole);
        self
    }

    /// Its host, for messages.
    pub(super) fn host(&self) -> String {
        host_of(&self.url)
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Posts to one endpoint.
pub(super) struct Poster {
    endpoint: Endpoint,
    http: Result<reqwest::Client, String>,
}

impl Poster {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECTING)
            .timeout(WHOLE)
            .user_agent(AGENT)
            // A POST that is led elsewhere would take its token along.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            endpoint,
            http: http.map_err(|error| innermost(&error)),
        }
    }

    /// Sends one request.
    ///
    /// # Errors
    ///
    /// Where it was not taken: final where the same request would be refused again.
    pub(super) async fn post(&self, mut headers: HeaderMap, body: Vec<u8>) -> Result<(), SinkError> {
        let host = self.endpoint.host();
        let client = self.http.as_ref().map_err(SinkError::temporary)?;
        if let Some(file) = &self.endpoint.token {
            headers.insert(AUTHORIZATION, read_token(file)?);
        }

        let request = client.post(self.endpoint.url.clone()).headers(headers).body(body);
        let response = request
            .send()
            .await
            .map_err(|error| SinkError::temporary(format!("cannot reach {host}: {}", innermost(&error))))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }

        let words = self.first_words(response).await;
        let message = format!("{host} answered {status}{words}");
        Err(if may_pass(status) {
            SinkError::temporary(message)
        } else {
            SinkError::permanent(message)
        })
    }

    /// How an answer that refuses begins, on one line and without the token that was sent.
    async fn first_words(&self, mut response: Response) -> String {
        let mut bytes = Vec::new();
        // The words only explain: where they do not come, the code says enough.
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES {
                break;
            }
        }

        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(Ok(token)) = self.endpoint.token.as_deref().map(token_text) {
            text = text.replace(&token, "[token]");
        }
        let text: String = text.chars().filter(|c| !is_unseen(*c)).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match shorten(text, ANSWER_CHARACTERS) {
            text if text.is_empty() => text,
            text => format!(": {text}"),
        }
    }
}

/// Whether the same request may be taken later. A redirect, a wrong path and a refused body stay what they are; who may
/// post can change, since the token is read anew.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 408 | 425 | 429)
}

/// Read for each request: tokens are rotated.
fn read_token(file: &Path) -> Result<HeaderValue, SinkError> {
    let text = token_text(file)
        .map_err(|why| SinkError::temporary(format!("cannot read the token {}: {why}", file.display())))?;
    let value = HeaderValue::from_str(&format!("Bearer {text}"));
    let mut value = value.map_err(|_| {
        SinkError::temporary(format!(
            "the token {} is not one line of visible characters",
            file.display()
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn token_text(file: &Path) -> Result<String, std::io::Error> {
    let mut text = String::new();
    File::open(file)?.take(TOKEN_BYTES).read_to_string(&mut text)?;
    match text.trim() {
        "" => Err(std::io::Error::other("the file is empty")),
        token => Ok(token.to_owned()),
    }
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("http://alertmanager:9093", None)]
    #[case("https://events.example/hook?x=1", None)]
    #[case("events.example", Some("expected an http or https URL"))]
    #[case(
        "file:///etc/passwd",
        Some("expected an http or https URL, found one with file")
    )]
    #[case(
        "https://user:secret@events.example",
        Some("expected a URL without credentials")
    )]
    fn only_a_url_without_credentials_is_posted_to(#[case] url: &str, #[case] error: Option<&str>) {
        let refused = Endpoint::parse(url, None).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), error);
    }

    #[rstest]
    #[case("http://alertmanager:9093", false)]
    #[case("http://127.0.0.1:9093", true)]
    #[case("http://[::1]:9093", true)]
    #[case("http://localhost:9093", true)]
    #[case("http://localhost.example:9093", false)]
    #[case("https://alertmanager", true)]
    fn a_token_goes_over_tls_or_stays_on_the_machine(#[case] url: &str, #[case] is_taken: bool) {
        assert_eq!(Endpoint::parse(url, Some("token".into())).is_ok(), is_taken);
    }

    #[test]
    fn a_path_is_put_below_that_of_the_url() {
        let below = |url: &str| Endpoint::parse(url, None).unwrap().below("/api/v2/alerts").url;
        assert_eq!(below("http://am:9093").as_str(), "http://am:9093/api/v2/alerts");
        assert_eq!(
            below("https://host/am/").as_str(),
            "https://host/am/api/v2/alerts"
        );
    }

    #[test]
    fn what_a_receiver_may_take_later_is_sent_again() {
        let later = |code: u16| may_pass(StatusCode::from_u16(code).unwrap());
        assert!([401, 404, 408, 429, 500, 503].into_iter().all(later));
        assert!(![301, 400, 405, 413, 415, 422].into_iter().any(later));
    }

    #[tokio::test]
    async fn an_error_names_the_host_and_neither_the_path_nor_the_query() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let endpoint = Endpoint::parse("http://127.0.0.1:1/services/SECRET?key=SECRET", None).unwrap();
        let error = Poster::new(endpoint).post(HeaderMap::new(), Vec::new()).await;
        let error = error.unwrap_err();
        assert!(!error.is_final && !error.message.contains("SECRET"), "{error}");
        assert!(error.message.starts_with("cannot reach 127.0.0.1:1: "), "{error}");
    }
}
