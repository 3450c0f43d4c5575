//! A token for a repository, as the registry's challenge says (distribution's token authentication). The server that
//! gives it is one that the registry names: its answer is bounded like any other.

use super::error::{RegistryFailure, refused};
use super::transport::Transport;
use oci_client::secrets::RegistryAuth;
use reqwest::Url;
use serde::Deserialize;

/// No honest token is longer.
const LARGEST: u64 = 1024 * 1024;

/// What a token has to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Pull,
    Push,
}

/// `Bearer realm="…",service="…"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    service: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

impl Challenge {
    /// None where it asks for another way to sign in.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }

        let (mut realm, mut service) = (None, None);
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                // A quote that does not close: half of a realm would be another address.
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            match name.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.trim().to_owned()),
                "service" => service = Some(value.trim().to_owned()),
                _ => {}
            }
            rest = after;
        }

        Some(Self {
            realm: realm?,
            service,
        })
    }
}

/// Asks for it.
pub(super) async fn get(
    transport: &Transport,
    registry: &Url,
    challenge: &Challenge,
    repository: &str,
    scope: Scope,
    auth: &RegistryAuth,
) -> Result<String, RegistryFailure> {
    let mut url = registry
        .join(&challenge.realm)
        .map_err(|error| unusable(&error.to_string()))?;
    // The password goes there: only a registry that has no TLS itself may name a server without it.
    if url.scheme() != "https" && registry.scheme() != "http" {
        return Err(unusable("its token server does not use TLS"));
    }

    let actions = match scope {
        Scope::Pull => "pull",
        Scope::Push => "pull,push",
    };

    // Not the scope of the challenge: it belongs to the greeting, which is about no repository.
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("scope", &format!("repository:{repository}:{actions}"));
        if let Some(service) = &challenge.service {
            query.append_pair("service", service);
        }
    }

    let (status, bytes) = transport.ask(&url, auth, LARGEST).await?;
    if !status.is_success() {
        return Err(match refused(&url, status, &bytes.unwrap_or_default()) {
            // A 404 of the token server must not read as "no such image", which refuses a promotion.
            RegistryFailure::NotFound(text) => RegistryFailure::Unauthorized(text),
            other => other,
        });
    }

    let bytes =
        bytes.ok_or_else(|| RegistryFailure::too_large("the response of its token server", LARGEST))?;

    // The parser's own words may quote what is secret.
    let given: Given =
        serde_json::from_slice(&bytes).map_err(|_| unusable("invalid response of its token server"))?;

    let token = given
        .token
        .filter(|token| !token.is_empty())
        .or(given.access_token);
    token.ok_or_else(|| unusable("no token in the response of its token server"))
}

fn unusable(why: &str) -> RegistryFailure {
    RegistryFailure::InvalidAnswer(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_in_any_order_and_with_or_without_quotes() {
        let challenge = |realm: &str, service: Option<&str>| {
            Some(Challenge {
                realm: realm.into(),
                service: service.map(str::to_owned),
            })
        };

        for (header, expected) in [
            (
                r#"Bearer realm="https://a/token",service="r.io",scope="repository:x:pull,push""#,
                challenge("https://a/token", Some("r.io")),
            ),
            (
                r#"bearer service=r.io, realm="https://a/t?x=1""#,
                challenge("https://a/t?x=1", Some("r.io")),
            ),
            (r#"Bearer realm="https://a""#, challenge("https://a", None)),
            // Cut off, without a realm, or for another way to sign in: there is no token to ask for.
            (r#"Bearer realm="https://a"#, None),
            (r#"Bearer service="r.io""#, None),
            (r#"Basic realm="r""#, None),
            ("Basic", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }
}
