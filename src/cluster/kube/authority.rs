//! Certificates of a kubeconfig: the authority's, which the server must be signed by, and the client's.
//!
//! Each stands in the kubeconfig itself, in base64, or in a file that it names; the data wins. What cannot be
//! read, is no PEM or is over is named here, with the place that it is from: a server or the TLS stack would
//! only say that something failed.

use super::certificate::expiry;
use crate::cluster::ConnectError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::AuthInfo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The authority's certificates: a kubeconfig's data, or else a file.
pub(super) fn authority(
    data: Option<&str>,
    file: Option<&str>,
) -> Result<Option<Vec<Vec<u8>>>, ConnectError> {
    let Some((pem, origin)) = bytes_of(
        "the certificate authority",
        "certificate-authority-data",
        data,
        file,
    )?
    else {
        return Ok(None);
    };

    let bad = |why: String| ConnectError::BadCertificate {
        what: "the certificate authority",
        origin: origin.clone(),
        why,
    };

    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem)
        .map(|der| der.map(|der| der.to_vec()))
        .collect();
    match certificates {
        // All of them: a bundle holds the old authority and the new one while a cluster changes over.
        Ok(certificates) if !certificates.is_empty() => Ok(Some(certificates)),
        Ok(_) => Err(bad("expected a certificate in PEM, found none".into())),
        Err(_) => Err(bad("not PEM".into())),
    }
}

/// A client certificate that is broken or over is named here: a server would only say 401.
pub(super) fn check_certificate(user: &AuthInfo, user_name: &str) -> Result<(), ConnectError> {
    let data = user.client_certificate_data.as_deref();
    let file = user.client_certificate.as_deref();
    let what = "the client certificate";
    let Some((pem, origin)) = bytes_of(what, "client-certificate-data", data, file)? else {
        return Ok(());
    };

    let Some(expiry) = expiry(&pem) else {
        let why = "expected a certificate in PEM, found none".into();
        return Err(ConnectError::BadCertificate { what, origin, why });
    };
    if expiry <= jiff::Timestamp::now() {
        return Err(ConnectError::CertificateExpired {
            user: user_name.into(),
            expired: expiry.to_string(),
        });
    }
    // The client library's own error for it says neither whose certificate it is nor what to look at.
    if user.client_key.is_none() && user.client_key_data.is_none() {
        let why = "the user has no client key".into();
        return Err(ConnectError::BadCertificate { what, origin, why });
    }
    Ok(())
}

/// The bytes of a kubeconfig's `…-data` field, or else of a file, and where they are from.
fn bytes_of(
    what: &'static str,
    field: &str,
    data: Option<&str>,
    file: Option<&str>,
) -> Result<Option<(Vec<u8>, String)>, ConnectError> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let origin = format!("the kubeconfig's {field}");
        return match STANDARD.decode(data) {
            Ok(bytes) => Ok(Some((bytes, origin))),
            Err(_) => Err(ConnectError::BadCertificate {
                what,
                origin,
                why: "not base64".into(),
            }),
        };
    }

    let Some(file) = file.filter(|file| !file.is_empty()) else {
        return Ok(None);
    };
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some((bytes, file.to_owned()))),
        Err(error) => Err(ConnectError::BadCertificate {
            what,
            origin: file.into(),
            why: error.to_string(),
        }),
    }
}
