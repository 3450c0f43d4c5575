//! What the Authorization header is made of: a token, a file that holds one, or a program that gives one.
//!
//! A plugin runs once; its answer is kept until shortly before its expiry, or until the server answers 401.

use super::grant::{Grant, bearer};
use super::plugin::{self, Plugin};
use crate::cluster::{ApiError, ConnectError};
use http::HeaderValue;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A token file is read again after this time: projected tokens rotate.
const FILE_AGE: Duration = Duration::from_secs(60);

enum Source {
    Fixed(Grant),
    File {
        path: PathBuf,
        read: Mutex<(HeaderValue, Instant)>,
    },
    Plugin {
        plugin: Box<Plugin>,
        cached: Mutex<Option<Grant>>,
    },
}

/// What the Authorization header is made of.
pub(super) struct Credentials(Source);

impl Credentials {
    /// None: a client certificate, or an anonymous client.
    pub fn none() -> Self {
        Self(Source::Fixed(Grant::default()))
    }

    /// A token that does not change.
    pub fn token(token: &str) -> Result<Self, ConnectError> {
        let header = bearer(token);
        let header = header.ok_or_else(|| ConnectError::Unusable("expected a token in one line".into()))?;
        Ok(Self(Source::Fixed(Grant::from_header(header))))
    }

    /// A file with a token, which is read again from time to time.
    pub fn file(path: &Path) -> Result<Self, ConnectError> {
        let failed = |why: String| ConnectError::TokenFile {
            file: path.to_owned(),
            why,
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let header = bearer(&text).ok_or_else(|| failed("it is empty".into()))?;

        Ok(Self(Source::File {
            path: path.to_owned(),
            read: Mutex::new((header, Instant::now())),
        }))
    }

    /// A program, which is run at the first [`Credentials::grant`].
    pub fn plugin(plugin: Plugin) -> Self {
        Self(Source::Plugin {
            plugin: Box::new(plugin),
            cached: Mutex::new(None),
        })
    }

    /// What to send now.
    pub async fn grant(&self) -> Result<Grant, ConnectError> {
        match &self.0 {
            Source::Fixed(grant) => Ok(grant.clone()),
            Source::File { path, read } => {
                // Held while the file is read: it is read once a minute, and not once a request.
                let mut read = read.lock().await;
                if read.1.elapsed() >= FILE_AGE {
                    reread(path, &mut read);
                }
                Ok(Grant::from_header(read.0.clone()))
            }
            Source::Plugin { plugin, cached } => {
                // Held while the plugin runs: everybody else waits
                // for its one answer, and it asks a person only once.
                let mut cached = cached.lock().await;
                match cached.as_ref().filter(|grant| !grant.is_due()) {
                    Some(grant) => Ok(grant.clone()),
                    None => {
                        let grant = plugin::run(plugin).await?;
                        Ok(cached.insert(grant).clone())
                    }
                }
            }
        }
    }

    /// The server refused `used`: tells whether something else may be had by asking again.
    pub async fn forget(&self, used: &Grant) -> bool {
        match &self.0 {
            // Nothing else can be had: the same token would be refused again.
            Source::Fixed(_) => false,
            Source::File { path, read } => {
                let mut read = read.lock().await;
                // At once, whatever its age: it may have been replaced a second ago.
                reread(path, &mut read);
                Some(&read.0) != used.header.as_ref()
            }
            Source::Plugin { cached, .. } => {
                let mut cached = cached.lock().await;
                // Another request may have asked again in the meantime.
                if cached.as_ref().is_some_and(|grant| grant.header == used.header) {
                    *cached = None;
                }
                // Whatever it gave then, it may give something else now.
                true
            }
        }
    }
}

/// Keeps the last token where the file cannot be read: some remove it once it was read.
fn reread(path: &Path, read: &mut (HeaderValue, Instant)) {
    if let Some(header) = std::fs::read_to_string(path).ok().as_deref().and_then(bearer) {
        read.0 = header;
    }

    // Where it cannot be read, too: the next try is a minute from now, and not with the next request.
    read.1 = Instant::now();
}

impl From<ConnectError> for ApiError {
    fn from(error: ConnectError) -> Self {
        ApiError::Credentials {
            why: error.to_string(),
        }
    }
}
