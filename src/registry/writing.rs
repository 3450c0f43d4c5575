//! Writing to a registry: blobs in one piece, manifests under a tag or their digest.
//!
//! A registry takes a manifest once all of its blobs are there: the order is the caller's to keep. Unlike a read, a
//! write is neither repeated nor sent on to where a redirect points.

use super::error::RegistryFailure;
use super::reader::Reader;
use super::transport::Request;
use crate::model::Sha256Digest;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method};
use oci_client::Reference;

impl Request {
    fn empty(method: Method) -> Self {
        Self {
            method,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    fn with(method: Method, media_type: &'static str, bytes: &[u8]) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        Self {
            method,
            headers,
            body: bytes.to_vec(),
        }
    }
}

impl Reader {
    /// Writes a blob, where it is not there yet.
    pub(super) async fn put_blob(&self, image: &Reference, bytes: &[u8]) -> Result<(), RegistryFailure> {
        let digest = Sha256Digest::compute(bytes);
        let blobs = format!("{}/blobs", image.repository());
        let there = self
            .transport
            .url(image.resolve_registry(), &format!("{blobs}/{digest}"))?;

        // A redirect to a storage counts, too. Whatever else hinders a look is for the upload to tell.
        if self
            .send(image, there, Request::empty(Method::HEAD))
            .await
            .is_ok()
        {
            return Ok(());
        }

        let uploads = self
            .transport
            .url(image.resolve_registry(), &format!("{blobs}/uploads/"))?;
        let mut begin = Request::empty(Method::POST);
        begin
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let begun = self.send(image, uploads.clone(), begin).await?;

        let place = begun
            .headers()
            .get(LOCATION)
            .and_then(|place| place.to_str().ok());

        // The registry chooses the place, relative or of another host; but a push does not leave TLS.
        let mut to = match place.map(|place| uploads.join(place)) {
            Some(Ok(to)) if to.scheme() == "https" || uploads.scheme() == "http" => to,
            _ => {
                return Err(RegistryFailure::InvalidAnswer(
                    "its upload URL does not use TLS".into(),
                ));
            }
        };

        // The place carries the upload's state in its own query: it has to stay.
        to.query_pairs_mut().append_pair("digest", digest.as_str());
        let upload = Request::with(Method::PUT, "application/octet-stream", bytes);
        written(&self.send(image, to, upload).await?)
    }

    /// Writes a manifest under a tag or its digest.
    pub(super) async fn put_manifest(
        &self,
        image: &Reference,
        name: &str,
        media_type: &'static str,
        bytes: &[u8],
    ) -> Result<(), RegistryFailure> {
        let to = self.transport.url(
            image.resolve_registry(),
            &format!("{}/manifests/{name}", image.repository()),
        )?;
        written(
            &self
                .send(image, to, Request::with(Method::PUT, media_type, bytes))
                .await?,
        )
    }
}

fn written(answer: &reqwest::Response) -> Result<(), RegistryFailure> {
    match answer.status() {
        status if status.is_success() => Ok(()),
        // A redirect: sent on, the bytes would land where nobody asked for them.
        status => Err(RegistryFailure::InvalidAnswer(format!(
            "{}: redirected",
            status.as_u16()
        ))),
    }
}
