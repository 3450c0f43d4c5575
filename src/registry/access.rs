//! Who we are to a registry, asked once a host; a token is asked for once a repository.

use super::credentials;
use super::error::{Trouble, trouble};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
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
    pub(super) async fn to(&self, client: &Client, image: &Reference) -> Result<Access, Trouble> {
        let host = image.resolve_registry();
        let of_host = self.cell(host.to_owned());
        let first = of_host.get_or_try_init(|| sign_in(client, image)).await?;
        let is_of_another = first.repository != image.repository();
        if !(is_of_another && matches!(first.access, Access::Token(_))) {
            return Ok(first.access.clone());
        }
        // A token opens one repository.
        let of_repository = self.cell(format!("{host}/{}", image.repository()));
        Ok(of_repository.get_or_try_init(|| sign_in(client, image)).await?.access.clone())
    }

    fn cell(&self, key: String) -> Cell {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }
}

async fn sign_in(client: &Client, image: &Reference) -> Result<SignedIn, Trouble> {
    let auth = credentials::find(image.resolve_registry(), image.repository());
    let token = client.auth(image, &auth, RegistryOperation::Pull).await.map_err(trouble)?;
    let access = match (token, auth) {
        (Some(token), _) => Access::Token(token),
        (None, RegistryAuth::Basic(user, password)) => Access::Basic(user, password),
        (None, _) => Access::Anonymous,
    };
    Ok(SignedIn { repository: image.repository().to_owned(), access })
}
