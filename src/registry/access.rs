//! Who we are to a registry, asked once a host; a token is asked for once a repository.
//!
//! Several images of one registry wait for the sign-in that is at hand. One that fails is not kept: the
//! next request tries again.

use super::credentials;
use super::error::RegistryFailure;
use super::token::{self, Challenge, Scope};
use super::transport::{Access, Transport};
use http::header::WWW_AUTHENTICATE;
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

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
        transport: &Transport,
        image: &Reference,
        scope: Scope,
    ) -> Result<Access, RegistryFailure> {
        let host = image.resolve_registry();
        // A token for reading does not write: each scope has a sign-in of its own.
        let of_host = self.cell(format!("{scope:?} {host}"));
        let first = of_host
            .get_or_try_init(|| sign_in(transport, image, scope))
            .await?;

        // What is no token is taken to open the whole host.
        let is_of_another = first.repository != image.repository();
        if !(is_of_another && matches!(first.access, Access::Token(_))) {
            return Ok(first.access.clone());
        }

        // A token opens one repository.
        let of_repository = self.cell(format!("{scope:?} {host}/{}", image.repository()));
        Ok(of_repository
            .get_or_try_init(|| sign_in(transport, image, scope))
            .await?
            .access
            .clone())
    }

    fn cell(&self, key: String) -> Cell {
        // Held to find a cell, never while it is filled. After a panic the map is whole: it only grows.
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key)
            .or_default()
            .clone()
    }
}

/// The greeting tells how to sign in; nothing of it but its headers is read.
async fn sign_in(
    transport: &Transport,
    image: &Reference,
    scope: Scope,
) -> Result<SignedIn, RegistryFailure> {
    let auth = credentials::find(image.resolve_registry(), image.repository());
    let greeting = transport.url(image.resolve_registry(), "")?;

    let answer = transport.greet(&greeting).await?;
    let asked = answer
        .headers()
        .get(WWW_AUTHENTICATE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));

    // A challenge that is no `Bearer` is taken for `Basic`: registries know no third.
    let access = match (asked.as_deref().map(Challenge::parse), auth) {
        (Some(Some(challenge)), auth) => Access::Token(
            token::get(transport, &greeting, &challenge, image.repository(), scope, &auth).await?,
        ),
        (Some(None), RegistryAuth::Basic(user, password)) => Access::Basic(user, password),
        // Nothing is asked for, or nothing that we have: the registry's own refusal tells the rest.
        _ => Access::Anonymous,
    };

    Ok(SignedIn {
        repository: image.repository().to_owned(),
        access,
    })
}
