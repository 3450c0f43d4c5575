//! Where credentials come from, and where they go.

use super::fake::{Fake, Reply};
use super::image::Image;
use super::{Registry, auths, record};
use crate::harness::{TestCluster, unique};
use base64::Engine;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn basic(credentials: &str) -> String {
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(credentials)
    )
}

fn bare() -> Command {
    TestCluster::get().delivery()
}

#[test]
fn credentials_are_found_in_every_place_where_docker_and_podman_keep_them() {
    let registry = Registry::guarded();
    let image = Image::new(&unique());
    let reference = format!("{}/acme/web:1", registry.host);
    image.push(&reference, Some(&registry.docker_config()));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.json");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let good = auths(&registry.host, "ci:secret");
    let scoped = auths(&format!("{}/acme", registry.host), "ci:secret");
    write("runtime/containers/auth.json", &good);
    write("configuration/containers/auth.json", &scoped);
    write("home/.config/containers/auth.json", &good);
    write("home-docker/.docker/config.json", &good);
    let file = write("auth.json", &scoped);
    let helper = write(
        "bin/docker-credential-vault",
        "#!/bin/sh\nread -r host\n[ \"$1\" = get ] && printf '{\"ServerURL\":\"%s\",\"Username\":\"ci\",\"Secret\":\"secret\"}' \"$host\"\n",
    );
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    write(
        "helper/config.json",
        &format!(r#"{{"credHelpers": {{"{}": "vault"}}}}"#, registry.host),
    );
    write("store/config.json", r#"{"credsStore": "vault"}"#);
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    let at = |name: &str| folder.path().join(name);
    let cases: [(&str, &str, &Path); 7] = [
        (
            "podman's file in the runtime folder",
            "XDG_RUNTIME_DIR",
            &at("runtime"),
        ),
        (
            "podman's file in the configuration folder",
            "XDG_CONFIG_HOME",
            &at("configuration"),
        ),
        ("podman's file in the home", "HOME", &at("home")),
        ("docker's file in the home", "HOME", &at("home-docker")),
        ("a file that is named", "REGISTRY_AUTH_FILE", &file),
        ("a helper of the host", "DOCKER_CONFIG", &at("helper")),
        ("a helper of all hosts", "DOCKER_CONFIG", &at("store")),
    ];
    for (name, variable, value) in cases {
        let mut command = bare();
        command
            .env("SSL_CERT_FILE", registry.authority())
            .env("PATH", &path)
            .env(variable, value);
        let ran = record(command, &reference, &out);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        std::fs::remove_file(&out).unwrap();
    }
    for (name, credentials) in [("none", None), ("wrong ones", Some("ci:wrong-horse"))] {
        let mut command = bare();
        command.env("SSL_CERT_FILE", registry.authority());
        if let Some(credentials) = credentials {
            let file = write("wrong.json", &auths(&registry.host, credentials));
            command.env("REGISTRY_AUTH_FILE", file);
        }
        let ran = record(command, &reference, &out).exits(1);
        assert!(
            ran.stderr.contains("the registry denies access (401"),
            "{name}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("docker login"), "{name}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("wrong-horse") && !out.exists(),
            "{name}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_password_is_exchanged_for_a_token_that_opens_the_repository() {
    let image = Arc::new(Image::new("token"));
    let served = image.clone();
    let registry = Fake::start(move |request| {
        let authorization = request.headers.get("authorization").map(String::as_str);
        let host = request.headers["host"].clone();
        match request.path.split(['?', '/']).nth(1) {
            Some("token")
                if authorization == Some(&basic("ci:secret"))
                    && request.path.contains("acme%2Fweb%3Apull") =>
            {
                Reply::new(200, r#"{"token": "opens-it"}"#)
            }
            Some("v2") if authorization == Some("Bearer opens-it") => {
                let wanted = request.path.rsplit('/').next().unwrap();
                let wanted = if wanted == "1" {
                    served.digest.to_string()
                } else {
                    wanted.to_owned()
                };
                Reply::new(200, served.blobs[&wanted].clone())
            }
            _ => Reply::new(401, "").with(
                "WWW-Authenticate",
                &format!("Bearer realm=\"http://{host}/token\",service=\"test\""),
            ),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.json");
    std::fs::write(
        folder.path().join("config.json"),
        auths(&registry.host, "ci:secret"),
    )
    .unwrap();
    let mut command = bare();
    command.env("DOCKER_CONFIG", folder.path());
    record(command, &format!("{}/acme/web:1", registry.host), &out).ok();
    assert!(
        std::fs::read_to_string(&out)
            .unwrap()
            .contains(&image.digest.to_string())
    );
    let ran = record(bare(), &format!("{}/acme/web:1", registry.host), &out).exits(1);
    assert!(
        ran.stderr.contains("the registry denies access"),
        "{}",
        ran.stderr
    );
}

#[test]
fn no_credentials_follow_a_redirect_to_another_host() {
    let image = Arc::new(Image::new("redirect"));
    let served = image.clone();
    let elsewhere = Fake::start(move |request| {
        Reply::new(
            200,
            served.blobs[request.path.rsplit('/').next().unwrap()].clone(),
        )
    });
    let (other, index) = (elsewhere.host.clone(), image.digest.to_string());
    let registry = Fake::start(move |request| {
        let last = request.path.rsplit('/').next().unwrap();
        let wanted = if last == "1" { &index } else { last };
        match request.headers.get("authorization") {
            Some(_) => Reply::new(307, "").with("Location", &format!("http://{other}/{wanted}")),
            None => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=test"),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.json");
    std::fs::write(
        folder.path().join("config.json"),
        auths(&registry.host, "ci:secret"),
    )
    .unwrap();
    let mut command = bare();
    command.env("DOCKER_CONFIG", folder.path());
    record(command, &format!("{}/acme/web:1", registry.host), &out).ok();
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 3, "the index and two platforms: {asked:?}");
    assert!(
        asked
            .iter()
            .all(|request| !request.headers.contains_key("authorization")),
        "{asked:?}"
    );
}
