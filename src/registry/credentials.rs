//! Who we are to a registry: Docker's config.json, podman's auth.json, and their credential helpers.

use docker_credential::DockerCredential;
use oci_client::secrets::RegistryAuth;

/// The credentials for a registry's host; anonymous where there are none.
pub(super) fn find(registry: &str) -> RegistryAuth {
    // Docker Hub's entry has had this name for as long as there is one.
    let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
    let found = docker_credential::get_credential(server)
        .or_else(|_| docker_credential::get_podman_credential(server));
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => RegistryAuth::Basic(user, password),
        // An identity token is exchanged as the password of this user name.
        Ok(DockerCredential::IdentityToken(token)) => RegistryAuth::Basic("<token>".into(), token),
        Err(_) => RegistryAuth::Anonymous,
    }
}
