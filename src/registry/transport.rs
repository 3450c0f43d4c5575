//! Requests to registries and token servers, and their answers: bounded in bytes, and in time as a whole.
//!
//! Whoever runs a registry chooses its answers. A redirect never leads from https to http, and credentials are left out
//! once it leads to another host. What a request carries is the caller's to know (`access.rs`).

use super::circuit::Circuits;
use super::error::{CONNECTING, READING, RegistryFailure, host_of, is_gateway_error, refused, unreachable};
use super::loopback::is_plain;
use super::options::RegistryOptions;
use http::header::{ACCEPT, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use oci_client::secrets::RegistryAuth;
use reqwest::{RequestBuilder, Response, Url};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const MOST_REDIRECTS: u32 = 5;
/// An error's text is read as far as this.
pub(super) const ERROR_LIMIT: u64 = 64 * 1024;
/// Bytes in a second of the slowest network.
const SLOWEST: u64 = 512 * 1024;
const AGENT: &str = concat!("kubectl-delivery/", env!("CARGO_PKG_VERSION"));

/// What a request carries.
#[derive(Clone)]
pub(super) enum Access {
    Anonymous,
    Basic(String, String),
    Token(String),
}

/// A request that writes.
pub(super) struct Request {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A way to any registry.
pub(super) struct Transport {
    /// Or why there is none.
    http: Result<reqwest::Client, RegistryFailure>,
    plain: BTreeSet<String>,
    circuits: Circuits,
    /// How long the head of an answer is waited for.
    patience: Duration,
}

impl Transport {
    /// Speaks without TLS to those of `hosts` that are on the loopback and do not speak it, and to those that were named.
    pub(super) fn new(options: &RegistryOptions, hosts: impl Iterator<Item = String>) -> Self {
        let hosts: BTreeSet<String> = hosts.collect();
        let plain: BTreeSet<String> = hosts
            .into_iter()
            .filter(|host| is_plain(host))
            .chain(options.insecure.iter().cloned())
            .collect();

        // Redirects are followed by hand: `follow` decides where they may lead and who sees credentials.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECTING)
            .read_timeout(READING)
            .user_agent(AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| RegistryFailure::NoClient(error.to_string()));

        Self {
            http,
            plain,
            circuits: options.circuits.clone(),
            patience: options.patience(),
        }
    }

    fn client(&self) -> Result<&reqwest::Client, RegistryFailure> {
        self.http.as_ref().map_err(Clone::clone)
    }

    /// `/v2/` of a host and what lies below it.
    pub(super) fn url(&self, host: &str, path: &str) -> Result<Url, RegistryFailure> {
        let scheme = if self.plain.contains(host) {
            "http"
        } else {
            "https"
        };

        let url = format!("{scheme}://{host}/v2/{path}");
        Url::parse(&url).map_err(|error| RegistryFailure::BadReference(format!("{url}: {error}")))
    }

    /// The answer to a greeting, without credentials.
    pub(super) async fn greet(&self, url: &Url) -> Result<Response, RegistryFailure> {
        self.follow(Method::GET, url, &Access::Anonymous, &[]).await
    }

    /// The answer of a token server and as much of it as may be; none where it is longer.
    pub(super) async fn ask(
        &self,
        url: &Url,
        auth: &RegistryAuth,
        limit: u64,
    ) -> Result<(StatusCode, Option<Vec<u8>>), RegistryFailure> {
        let access = match auth {
            RegistryAuth::Basic(user, password) => Access::Basic(user.clone(), password.clone()),
            // `credentials` finds no other kind.
            _ => Access::Anonymous,
        };

        let response = self.follow(Method::GET, url, &access, &[]).await?;
        let status = response.status();
        Ok((status, self.body(url, response, limit).await?))
    }

    /// As much of an answer's body as may be, in the time that so much may take; none where it is longer.
    pub(super) async fn body(
        &self,
        url: &Url,
        response: Response,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryFailure> {
        // One that comes byte by byte has no end otherwise.
        let time = self.patience + Duration::from_secs(limit / SLOWEST);
        tokio::time::timeout(time, bounded(response, limit))
            .await
            .unwrap_or_else(|_| Err(slow(url, time)))
    }

    /// Sends a request that writes, once. A redirect is the caller's to judge.
    pub(super) async fn send(
        &self,
        registry: &Url,
        url: &Url,
        request: Request,
        access: &Access,
    ) -> Result<Response, RegistryFailure> {
        let sent = self
            .client()?
            .request(request.method, url.clone())
            .headers(request.headers)
            .body(request.body);

        // A place to upload to can be another host's, such as a storage: credentials stay here.
        let sent = if is_same(url, registry) {
            carrying(sent, access)
        } else {
            sent
        };

        sent.send().await.map_err(|error| unreachable(&error))
    }

    /// The answer at the end of all redirects. Credentials go to the registry itself, and to nobody to whom it points.
    pub(super) async fn follow(
        &self,
        method: Method,
        url: &Url,
        access: &Access,
        types: &[&str],
    ) -> Result<Response, RegistryFailure> {
        let end = Instant::now() + self.patience;
        let mut at = url.clone();
        for _ in 0..MOST_REDIRECTS {
            // Anew for each place: within the registry credentials go along, elsewhere they do not.
            let access = if is_same(&at, url) {
                access
            } else {
                &Access::Anonymous
            };
            let response = self.answer(&method, &at, access, types).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            // Places that are slow one after the other are given up together.
            if Instant::now() >= end {
                return Err(slow(url, self.patience));
            }

            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());

            // A registry on https must not lead to http, where anybody could answer and listen.
            at = match location.map(|to| at.join(to)) {
                Some(Ok(to)) if to.scheme() == "https" || at.scheme() == "http" => to,
                _ => {
                    return Err(RegistryFailure::InvalidAnswer(
                        "redirected to a URL without TLS".into(),
                    ));
                }
            };
        }

        Err(RegistryFailure::InvalidAnswer(format!(
            "more than {MOST_REDIRECTS} redirects"
        )))
    }

    /// The head of one place's answer, as far as the place is not left alone.
    async fn answer(
        &self,
        method: &Method,
        at: &Url,
        access: &Access,
        types: &[&str],
    ) -> Result<Response, RegistryFailure> {
        let client = self.client()?;
        let ask = || async {
            let request = carrying(client.request(method.clone(), at.clone()), access);
            let request = if types.is_empty() {
                request
            } else {
                request.header(ACCEPT, types.join(", "))
            };

            let sent = tokio::time::timeout(self.patience, request.send()).await;
            let response = sent
                .map_err(|_| RegistryFailure::no_answer(at, self.patience))?
                .map_err(|error| unreachable(&error))?;
            if !is_gateway_error(response.status().as_u16()) {
                return Ok(response);
            }

            let status = response.status();
            // The words only explain: where they do not come in time, the code says enough.
            let body = self.body(at, response, ERROR_LIMIT).await.ok().flatten();
            Err(refused(at, status, &body.unwrap_or_default()))
        };
        self.circuits.ask(&host_of(at), ask).await
    }
}

fn carrying(request: RequestBuilder, access: &Access) -> RequestBuilder {
    match access {
        Access::Anonymous => request,
        Access::Basic(user, password) => request.basic_auth(user, Some(password)),
        Access::Token(token) => request.bearer_auth(token),
    }
}

fn slow(url: &Url, time: Duration) -> RegistryFailure {
    RegistryFailure::Slow {
        host: host_of(url),
        seconds: time.as_secs(),
    }
}

/// The same host and port, and not less protected.
fn is_same(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// The body, or none where it is longer than `limit`; no more than that is read.
async fn bounded(mut response: Response, limit: u64) -> Result<Option<Vec<u8>>, RegistryFailure> {
    // An announced length spares reading; one that is missing or wrong is caught by the count below.
    if response.content_length().is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}
