//! Reading from a registry: never more bytes than expected, waiting as told, credentials for the registry alone.
//!
//! Whoever runs a registry chooses its answers. Each is bounded in bytes, and in time as a whole; a redirect never
//! leads from https to http, and credentials are left out once it leads to another host. Only a 429 is asked again:
//! every other refusal is told as it is. Writes (`writing.rs`) go out through `send`, once each.

use super::RegistryOptions;
use super::access::{Access, Accesses, Scope};
use super::error::{RegistryFailure, refused, unreachable};
use super::loopback::is_plain;
use http::header::{ACCEPT, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use reqwest::{RequestBuilder, Response, Url};
use std::collections::BTreeSet;
use std::time::Duration;

/// No honest manifest is larger.
pub(super) const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;
/// An error's text is read as far as this.
const ERROR_LIMIT: u64 = 64 * 1024;
const TRIES: u32 = 4;
const MOST_REDIRECTS: u32 = 5;
/// Nobody waits longer for one answer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CONNECTING: Duration = Duration::from_secs(10);
// Until an answer's head has come, and between two parts of its body.
const READING: Duration = Duration::from_secs(30);
/// A short answer as a whole; a longer one has more.
const ANSWERING: Duration = Duration::from_secs(30);
/// Bytes in a second of the slowest network.
const SLOWEST: u64 = 512 * 1024;
const AGENT: &str = concat!("kubectl-delivery/", env!("CARGO_PKG_VERSION"));

/// A request that writes.
pub(super) struct Request {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A connection to any registry.
pub(super) struct Reader {
    http: reqwest::Client,
    plain: BTreeSet<String>,
    accesses: Accesses,
}

impl Reader {
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
            .unwrap_or_default();

        Self {
            http,
            plain,
            accesses: Accesses::default(),
        }
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

    /// What requests to this repository carry.
    pub(super) async fn access(&self, image: &Reference, scope: Scope) -> Result<Access, RegistryFailure> {
        self.accesses.to(self, image, scope).await
    }

    /// The answer to a greeting, without credentials.
    pub(super) async fn greet(&self, url: Url) -> Result<Response, RegistryFailure> {
        within(
            &url.clone(),
            self.follow(Method::GET, &url, &Access::Anonymous, &[]),
        )
        .await
    }

    /// The answer of a token server and as much of it as may be; none where it is longer.
    pub(super) async fn ask(
        &self,
        url: Url,
        auth: &RegistryAuth,
        limit: u64,
    ) -> Result<(StatusCode, Option<Vec<u8>>), RegistryFailure> {
        let access = match auth {
            RegistryAuth::Basic(user, password) => Access::Basic(user.clone(), password.clone()),
            // `credentials` finds no other kind.
            _ => Access::Anonymous,
        };

        within(&url.clone(), async {
            let response = self.follow(Method::GET, &url, &access, &[]).await?;
            Ok((response.status(), bounded(response, limit).await?))
        })
        .await
    }

    /// Whether the registry has a manifest: it is asked for no more than that.
    pub(super) async fn has_manifest(
        &self,
        image: &Reference,
        types: &[&str],
    ) -> Result<(), RegistryFailure> {
        let wanted = image.digest().or(image.tag()).unwrap_or("latest");
        let url = self.url(
            image.resolve_registry(),
            &format!("{}/manifests/{wanted}", image.repository()),
        )?;

        let access = self.access(image, Scope::Pull).await?;
        let answer = within(&url, self.follow(Method::HEAD, &url, &access, types)).await?;

        if answer.status().is_success() {
            Ok(())
        } else {
            // A HEAD has no body: its code is all that is known.
            Err(refused(answer.status(), &[]))
        }
    }

    /// A request that writes, its credentials for the registry alone; the answer's body is read only where it refuses.
    pub(super) async fn send(
        &self,
        image: &Reference,
        url: Url,
        request: Request,
    ) -> Result<Response, RegistryFailure> {
        let registry = self.url(image.resolve_registry(), "")?;
        let access = self.access(image, Scope::Push).await?;

        let sent = self
            .http
            .request(request.method, url.clone())
            .headers(request.headers)
            .body(request.body);

        // A place to upload to can be another host's, such as a storage: credentials stay here.
        let sent = if is_same(&url, &registry) {
            carrying(sent, &access)
        } else {
            sent
        };

        let response = sent.send().await.map_err(|error| unreachable(&error))?;
        // A redirect is the caller's to judge: a write is never repeated at another place by itself.
        if response.status().is_success() || response.status().is_redirection() {
            return Ok(response);
        }

        let status = response.status();
        // The words only explain: where they do not come in time, the code says enough.
        let body = within(&url, bounded(response, ERROR_LIMIT))
            .await
            .ok()
            .flatten()
            .unwrap_or_default();
        Err(refused(status, &body))
    }

    /// A manifest's bytes, by the tag or digest of `image`.
    pub(super) async fn manifest(
        &self,
        image: &Reference,
        types: &[&str],
    ) -> Result<Vec<u8>, RegistryFailure> {
        let wanted = image.digest().or(image.tag()).unwrap_or("latest");
        let found = self
            .get(image, &format!("manifests/{wanted}"), types, MANIFEST_LIMIT)
            .await?;
        found.ok_or_else(|| RegistryFailure::too_large("its manifest", MANIFEST_LIMIT))
    }

    /// A blob's bytes, or none where it has more than `limit`.
    pub(super) async fn blob(
        &self,
        image: &Reference,
        digest: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryFailure> {
        self.get(image, &format!("blobs/{digest}"), &["*/*"], limit).await
    }

    /// The index of what refers to a manifest (OCI distribution 1.1).
    pub(super) async fn referrers(
        &self,
        image: &Reference,
        digest: &str,
    ) -> Result<Vec<u8>, RegistryFailure> {
        let types = ["application/vnd.oci.image.index.v1+json"];
        let found = self
            .get(image, &format!("referrers/{digest}"), &types, MANIFEST_LIMIT)
            .await?;
        found.ok_or_else(|| RegistryFailure::too_large("its list of statements", MANIFEST_LIMIT))
    }

    async fn get(
        &self,
        image: &Reference,
        what: &str,
        types: &[&str],
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryFailure> {
        let url = self.url(
            image.resolve_registry(),
            &format!("{}/{what}", image.repository()),
        )?;

        let access = self.access(image, Scope::Pull).await?;

        let mut tries = 1;
        loop {
            let asked = async {
                let response = self.follow(Method::GET, &url, &access, types).await?;
                let (status, wait) = (response.status(), told(response.headers()));
                // A refusal is a few words: it does not get the room of what was asked for.
                let limit = if status.is_success() { limit } else { ERROR_LIMIT };
                Ok((status, wait, bounded(response, limit).await))
            };

            let (status, wait, body) = within_for(&url, time_of(limit), asked).await?;
            if status.is_success() {
                return body;
            }

            if status != StatusCode::TOO_MANY_REQUESTS {
                return Err(refused(status, &body.ok().flatten().unwrap_or_default()));
            }

            // Without a wish of the registry's: 2, 4, then 8 seconds.
            let wait = wait.unwrap_or(Duration::from_secs(1 << tries));
            // Whether a longer wish is worth waiting for is a person's to decide.
            if tries == TRIES || wait > LONGEST_WAIT {
                return Err(RegistryFailure::TooManyRequests {
                    tries,
                    wait: wait.as_secs(),
                });
            }

            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    /// The answer at the end of all redirects. Credentials go to the registry itself, and to nobody to whom it points.
    async fn follow(
        &self,
        method: Method,
        url: &Url,
        access: &Access,
        types: &[&str],
    ) -> Result<Response, RegistryFailure> {
        let mut at = url.clone();
        for _ in 0..MOST_REDIRECTS {
            // Anew for each place: within the registry credentials go along, elsewhere they do not.
            let request = self.http.request(method.clone(), at.clone());
            let request = if types.is_empty() {
                request
            } else {
                request.header(ACCEPT, types.join(", "))
            };
            let request = if is_same(&at, url) {
                carrying(request, access)
            } else {
                request
            };

            let response = request.send().await.map_err(|error| unreachable(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }

            let told = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());

            // A registry on https must not lead to http, where anybody could answer and listen.
            at = match told.map(|to| at.join(to)) {
                Some(Ok(to)) if to.scheme() == "https" || at.scheme() == "http" => to,
                _ => {
                    return Err(RegistryFailure::Unavailable(
                        "it points to another place, and to none that is safe".into(),
                    ));
                }
            };
        }

        Err(RegistryFailure::Unavailable(format!(
            "it points to another place more than {MOST_REDIRECTS} times"
        )))
    }
}

fn carrying(request: RequestBuilder, access: &Access) -> RequestBuilder {
    match access {
        Access::Anonymous => request,
        Access::Basic(user, password) => request.basic_auth(user, Some(password)),
        Access::Token(token) => request.bearer_auth(token),
    }
}

/// How long an answer of so many bytes may take as a whole: one that comes byte by byte has no end.
fn time_of(bytes: u64) -> Duration {
    ANSWERING + Duration::from_secs(bytes / SLOWEST)
}

async fn within<T>(
    url: &Url,
    work: impl Future<Output = Result<T, RegistryFailure>>,
) -> Result<T, RegistryFailure> {
    within_for(url, ANSWERING, work).await
}

async fn within_for<T>(
    url: &Url,
    time: Duration,
    work: impl Future<Output = Result<T, RegistryFailure>>,
) -> Result<T, RegistryFailure> {
    let slow = || RegistryFailure::Slow {
        host: url.authority().to_owned(),
        seconds: time.as_secs(),
    };
    tokio::time::timeout(time, work)
        .await
        .unwrap_or_else(|_| Err(slow()))
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

/// Retry-After in seconds; a date is answered by the usual wait.
fn told(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
