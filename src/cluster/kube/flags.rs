//! What flags change of a kubeconfig's cluster and user, before anything of them is checked.
//!
//! A flag replaces what the kubeconfig says of the same thing, in each of its forms: beside a file that a flag
//! names, data of the kubeconfig would be refused as a second one. Groups and uid of an impersonated user go
//! with that user.

use super::kubeconfig::Chosen;
use crate::cluster::ConnectionOptions;
use kube::config::AuthInfo;
use secrecy::ExposeSecret;
use std::path::Path;

pub(super) fn override_with_flags(options: &ConnectionOptions, chosen: &mut Chosen) {
    let text = |path: &Path| path.to_string_lossy().into_owned();

    let cluster = &mut chosen.cluster;
    if let Some(server) = &options.server {
        cluster.server = Some(server.clone());
    }
    if let Some(file) = &options.certificate_authority {
        cluster.certificate_authority = Some(text(file));
        // Beside the flag's file it would be refused as a second authority.
        cluster.certificate_authority_data = None;
    }
    if options.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
        // The flag replaces the kubeconfig's authority, as kubectl's does; one beside it by flag stays an error.
        if options.certificate_authority.is_none() {
            cluster.certificate_authority = None;
            cluster.certificate_authority_data = None;
        }
    }
    if let Some(name) = &options.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }

    let user = &mut chosen.user;
    if let Some(file) = &options.client_certificate {
        user.client_certificate = Some(text(file));
        user.client_certificate_data = None;
    }
    if let Some(file) = &options.client_key {
        user.client_key = Some(text(file));
        user.client_key_data = None;
    }
    chosen.user = impersonation(options, std::mem::take(user));
}

/// Go's base64 reads over line breaks, and editors fold long lines.
pub(super) fn join_lines(chosen: &mut Chosen) {
    let joined = |text: &mut Option<String>| {
        if let Some(text) = text {
            text.retain(|c| !matches!(c, '\r' | '\n'));
        }
    };
    joined(&mut chosen.cluster.certificate_authority_data);
    joined(&mut chosen.user.client_certificate_data);

    // A key is kept in a type of its own, which shows it to nobody and cannot be changed in place.
    if let Some(key) = chosen.user.client_key_data.take() {
        let packed: String = key
            .expose_secret()
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n'))
            .collect();
        chosen.user.client_key_data = Some(packed.into());
    }
}

pub(super) fn impersonation(options: &ConnectionOptions, mut user: AuthInfo) -> AuthInfo {
    if options.impersonate.is_some() {
        user.impersonate.clone_from(&options.impersonate);
        // A kubeconfig's groups and uid belong to its own user.
        user.impersonate_groups = None;
        user.impersonate_uid = None;
    }

    if !options.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(options.impersonate_groups.clone());
    }

    if options.impersonate_uid.is_some() {
        user.impersonate_uid.clone_from(&options.impersonate_uid);
    }
    user
}
