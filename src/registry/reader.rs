//! Reading from a registry: never more bytes than expected, waiting as told, credentials for the registry alone.

use super::RegistryOptions;
use super::access::{Access, Accesses};
use super::error::{Trouble, refused, unreachable};
use super::loopback::is_plain;
use http::header::{ACCEPT, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::{Client, Reference};
use reqwest::{Response, Url};
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
const READING: Duration = Duration::from_secs(30);
const AGENT: &str = concat!("kubectl-delivery/", env!("CARGO_PKG_VERSION"));

/// A connection to any registry.
pub(super) struct Reader {
    /// For what writes, and for signing in.
    pub(super) client: Client,
    http: reqwest::Client,
    plain: BTreeSet<String>,
    accesses: Accesses,
}

impl Reader {
    /// Speaks without TLS to those of `hosts` that are on the loopback and do not speak it, and to those that were named.
    pub(super) fn new(options: &RegistryOptions, hosts: impl Iterator<Item = String>) -> Self {
        let hosts: BTreeSet<String> = hosts.collect();
        let plain: BTreeSet<String> =
            hosts.into_iter().filter(|host| is_plain(host)).chain(options.insecure.iter().cloned()).collect();
        let client = Client::new(ClientConfig {
            protocol: ClientProtocol::HttpsExcept(plain.iter().cloned().collect()),
            connect_timeout: Some(CONNECTING),
            read_timeout: Some(READING),
            // Fewer requests, and some registries answer chunks without saying where the next one goes.
            use_monolithic_push: true,
            user_agent: AGENT,
            ..ClientConfig::default()
        });
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECTING)
            .read_timeout(READING)
            .user_agent(AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        Self { client, http, plain, accesses: Accesses::default() }
    }

    /// A manifest's bytes, by the tag or digest of `image`.
    pub(super) async fn manifest(&self, image: &Reference, types: &[&str]) -> Result<Vec<u8>, Trouble> {
        let wanted = image.digest().or(image.tag()).unwrap_or("latest");
        let found = self.get(image, &format!("manifests/{wanted}"), types, MANIFEST_LIMIT).await?;
        found.ok_or_else(|| {
            let limit = MANIFEST_LIMIT / 1024 / 1024;
            Trouble::BadManifest(format!("it has more than {limit} MiB, which no manifest has"))
        })
    }

    /// A blob's bytes, or none where it has more than `limit`.
    pub(super) async fn blob(
        &self,
        image: &Reference,
        digest: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        self.get(image, &format!("blobs/{digest}"), &["*/*"], limit).await
    }

    /// The index of what refers to a manifest (OCI distribution 1.1).
    pub(super) async fn referrers(&self, image: &Reference, digest: &str) -> Result<Vec<u8>, Trouble> {
        let types = ["application/vnd.oci.image.index.v1+json"];
        let found = self.get(image, &format!("referrers/{digest}"), &types, MANIFEST_LIMIT).await?;
        found.ok_or_else(|| Trouble::BadManifest("its list of statements is longer than any".into()))
    }

    async fn get(
        &self,
        image: &Reference,
        what: &str,
        types: &[&str],
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        let host = image.resolve_registry();
        let scheme = if self.plain.contains(host) { "http" } else { "https" };
        let url = format!("{scheme}://{host}/v2/{}/{what}", image.repository());
        let access = self.accesses.to(&self.client, image).await?;
        let mut tries = 1;
        let url = Url::parse(&url).map_err(|error| Trouble::BadReference(format!("{url}: {error}")))?;
        loop {
            let response = self.follow(&url, &access, types).await?;
            let status = response.status();
            if status.is_success() {
                return bounded(response, limit).await;
            }
            if status != StatusCode::TOO_MANY_REQUESTS {
                let body = bounded(response, ERROR_LIMIT).await.ok().flatten().unwrap_or_default();
                return Err(refused(status, &body));
            }
            let wait = told(response.headers()).unwrap_or(Duration::from_secs(1 << tries));
            if tries == TRIES || wait > LONGEST_WAIT {
                return Err(Trouble::TooManyRequests { tries, wait: wait.as_secs() });
            }
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    /// The answer at the end of all redirects. Credentials go to the registry itself, and to nobody to whom it points.
    async fn follow(&self, url: &Url, access: &Access, types: &[&str]) -> Result<Response, Trouble> {
        let mut at = url.clone();
        for _ in 0..MOST_REDIRECTS {
            let request = self.http.get(at.clone()).header(ACCEPT, types.join(", "));
            let request = match access {
                _ if !is_same(&at, url) => request,
                Access::Anonymous => request,
                Access::Basic(user, password) => request.basic_auth(user, Some(password)),
                Access::Token(token) => request.bearer_auth(token),
            };
            let response = request.send().await.map_err(|error| unreachable(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let told = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            at = match told.map(|to| at.join(to)) {
                Some(Ok(to)) if to.scheme() == "https" || at.scheme() == "http" => to,
                _ => {
                    return Err(Trouble::Unavailable(
                        "it points to another place, and to none that is safe".into(),
                    ));
                }
            };
        }
        Err(Trouble::Unavailable(format!("it points to another place more than {MOST_REDIRECTS} times")))
    }
}

/// The same host and port, and not less protected.
fn is_same(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// The body, or none where it is longer than `limit`; no more than that is read.
async fn bounded(mut response: Response, limit: u64) -> Result<Option<Vec<u8>>, Trouble> {
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
