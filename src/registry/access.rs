//! Who we are to a registry, asked once a host; a token is asked for once a repository.

use super::credentials;
use super::error::Trouble;
use super::reader::Reader;
use super::token::{self, Challenge};
use http::header::WWW_AUTHENTICATE;
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What a request carries.
#[derive(Clone)]
pub(super) enum Access {
    Anonymous,
    Basic(String, String),
    Token(String),
}

/// What a token has to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Pull,
    Push,
}

struct SignedIn {
    repository: String,
    access: Access,
}

type Cell = Arc<OnceCell<SignedIn>>;

/// What was found out so far, by host or by host and repository.
#[derive(Default)]
pub(super) struct Accesses {
    known: Mutex<HashMap<String, Cell>>,
}

impl Accesses {
    /// What a request to this repository carries.
    pub(super) async fn to(
        &self,
        reader: &Reader,
        image: &Reference,
        scope: Scope,
    ) -> Result<Access, Trouble> {
        let host = image.resolve_registry();
        let of_host = self.cell(format!("{scope:?} {host}"));
        let first = of_host.get_or_try_init(|| sign_in(reader, image, scope)).await?;
        let is_of_another = first.repository != image.repository();
        if !(is_of_another && matches!(first.access, Access::Token(_))) {
            return Ok(first.access.clone());
        }
        // A token opens one repository.
        let of_repository = self.cell(format!("{scope:?} {host}/{}", image.repository()));
        Ok(of_repository
            .get_or_try_init(|| sign_in(reader, image, scope))
            .await?
            .access
            .clone())
    }

    fn cell(&self, key: String) -> Cell {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key)
            .or_default()
            .clone()
    }
}

/// The greeting tells how to sign in; nothing of it but its headers is read.
async fn sign_in(reader: &Reader, image: &Reference, scope: Scope) -> Result<SignedIn, Trouble> {
    let auth = credentials::find(image.resolve_registry(), image.repository());
    let greeting = reader.url(image.resolve_registry(), "")?;
    let answer = reader.greet(greeting.clone()).await?;
    let asked = answer
        .headers()
        .get(WWW_AUTHENTICATE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let access = match (asked.as_deref().map(Challenge::parse), auth) {
        (Some(Some(challenge)), auth) => {
            Access::Token(token::get(reader, &greeting, &challenge, image.repository(), scope, &auth).await?)
        }
        (Some(None), RegistryAuth::Basic(user, password)) => Access::Basic(user, password),
        _ => Access::Anonymous,
    };
    Ok(SignedIn {
        repository: image.repository().to_owned(),
        access,
    })
}
