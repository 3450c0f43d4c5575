//! Reading from a registry: by manifest, blob and referrers, signed in, and asked again where it is busy.
//!
//! Only a 429 is asked again: every other refusal is told as it is. An answer gets the bytes that were expected, and a
//! refusal a few words. Writes (`writing.rs`) go out through `send`, once each.

use super::access::Accesses;
use super::error::{RegistryFailure, refused};
use super::options::RegistryOptions;
use super::token::Scope;
use super::transport::{Access, ERROR_LIMIT, Request, Transport};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use oci_client::Reference;
use reqwest::{Response, Url};
use std::time::Duration;

/// No honest manifest is larger.
pub(super) const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;
const TRIES: u32 = 4;
/// Nobody waits longer for one answer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A connection to any registry.
pub(super) struct Reader {
    pub(super) transport: Transport,
    accesses: Accesses,
}

impl Reader {
    /// Sends nothing yet.
    pub(super) fn new(options: &RegistryOptions, hosts: impl Iterator<Item = String>) -> Self {
        Self {
            transport: Transport::new(options, hosts),
            accesses: Accesses::default(),
        }
    }

    /// What requests to this repository carry.
    pub(super) async fn access(&self, image: &Reference, scope: Scope) -> Result<Access, RegistryFailure> {
        self.accesses.to(&self.transport, image, scope).await
    }

    /// Whether the registry has a manifest: it is asked for no more than that.
    pub(super) async fn has_manifest(
        &self,
        image: &Reference,
        types: &[&str],
    ) -> Result<(), RegistryFailure> {
        let wanted = image.digest().or(image.tag()).unwrap_or("latest");
        let url = self.transport.url(
            image.resolve_registry(),
            &format!("{}/manifests/{wanted}", image.repository()),
        )?;

        let access = self.access(image, Scope::Pull).await?;
        let answer = self.transport.follow(Method::HEAD, &url, &access, types).await?;

        if answer.status().is_success() {
            Ok(())
        } else {
            // A HEAD has no body: its code is all that is known.
            Err(refused(&url, answer.status(), &[]))
        }
    }

    /// A request that writes, its credentials for the registry alone; the answer's body is read only where it refuses.
    pub(super) async fn send(
        &self,
        image: &Reference,
        url: Url,
        request: Request,
    ) -> Result<Response, RegistryFailure> {
        let registry = self.transport.url(image.resolve_registry(), "")?;
        let access = self.access(image, Scope::Push).await?;

        let response = self.transport.send(&registry, &url, request, &access).await?;
        // A redirect is the caller's to judge: a write is never repeated at another place by itself.
        if response.status().is_success() || response.status().is_redirection() {
            return Ok(response);
        }

        let status = response.status();
        // The words only explain: where they do not come in time, the code says enough.
        let body = self
            .transport
            .body(&url, response, ERROR_LIMIT)
            .await
            .ok()
            .flatten();
        Err(refused(&url, status, &body.unwrap_or_default()))
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
        found.ok_or_else(|| RegistryFailure::too_large("its list of attestations", MANIFEST_LIMIT))
    }

    async fn get(
        &self,
        image: &Reference,
        what: &str,
        types: &[&str],
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryFailure> {
        let url = self.transport.url(
            image.resolve_registry(),
            &format!("{}/{what}", image.repository()),
        )?;

        let access = self.access(image, Scope::Pull).await?;

        let mut tries = 1;
        loop {
            let response = self.transport.follow(Method::GET, &url, &access, types).await?;
            let (status, wait) = (response.status(), retry_after(response.headers()));
            // A refusal is a few words: it does not get the room of what was asked for.
            let limit = if status.is_success() { limit } else { ERROR_LIMIT };
            let body = self.transport.body(&url, response, limit).await;
            if status.is_success() {
                return body;
            }

            if status != StatusCode::TOO_MANY_REQUESTS {
                return Err(refused(&url, status, &body.ok().flatten().unwrap_or_default()));
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
}

/// Retry-After in seconds; a date is answered by the usual wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
