//! Who we are to a registry: Docker's config.json, podman's auth.json, and their credential helpers.
//!
//! None is no error: public images need none, and a registry that wants some says so itself. Files are only read, and
//! a helper is run where one of them names it.

use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};
use oci_client::secrets::RegistryAuth;
use std::env;
use std::fs::File;
use std::path::PathBuf;

/// The credentials for a repository; anonymous where there are none.
pub(super) fn find(registry: &str, repository: &str) -> RegistryAuth {
    let places = places();
    let names = names(registry, repository);

    // Name by name, each in all files: the most specific entry wins, whichever file holds it.
    let entry = names
        .iter()
        .flat_map(|name| places.iter().map(move |place| (name, place)));
    for (name, place) in entry {
        // Most of these files do not exist.
        let Ok(file) = File::open(place) else { continue };
        match docker_credential::get_credential_from_reader(file, name) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return RegistryAuth::Basic(user, password);
            }
            // An identity token is exchanged as the password of this user name.
            Ok(DockerCredential::IdentityToken(token)) => {
                return RegistryAuth::Basic("<token>".into(), token);
            }
            // A helper without an entry fails as well, and its text may hold what is secret.
            Err(Failure::NoCredentialConfigured | Failure::HelperFailure { .. }) => {}
            Err(error) => {
                let place = place.display();
                tracing::warn!("the credentials for {name} in {place} cannot be used: {error}");
            }
        }
    }
    RegistryAuth::Anonymous
}

/// As podman searches: the repository, what is above it, and the host.
fn names(registry: &str, repository: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut path = Some(repository);
    while let Some(part) = path {
        names.push(format!("{registry}/{part}"));
        path = part.rsplit_once('/').map(|(above, _)| above);
    }
    names.push(registry.to_owned());

    if matches!(registry, "docker.io" | "index.docker.io") {
        // Docker Hub's entry has had this name for as long as there is one.
        names.push("https://index.docker.io/v1/".into());
        names.push("docker.io".into());
    }
    names
}

/// The files there may be, Docker's first.
fn places() -> Vec<PathBuf> {
    let variable = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };

    let home = variable("HOME");
    let of_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let docker = variable("DOCKER_CONFIG").or_else(|| of_home(".docker"));
    let configuration = variable("XDG_CONFIG_HOME").or_else(|| of_home(".config"));

    // A file that is named takes the place of podman's other ones.
    let podman = match variable("REGISTRY_AUTH_FILE") {
        Some(file) => vec![Some(file)],
        None => [variable("XDG_RUNTIME_DIR"), configuration]
            .map(|folder| folder.map(|folder| folder.join("containers/auth.json")))
            .to_vec(),
    };

    docker
        .map(|folder| folder.join("config.json"))
        .into_iter()
        .chain(podman.into_iter().flatten())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn the_most_specific_entry_is_looked_for_first() {
        // Every level counts: an entry for an organization opens its repositories.
        assert_eq!(
            names("ghcr.io", "acme/shop/web"),
            [
                "ghcr.io/acme/shop/web",
                "ghcr.io/acme/shop",
                "ghcr.io/acme",
                "ghcr.io"
            ]
        );
    }
}
