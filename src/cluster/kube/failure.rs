//! Failures of the connection → errors that a person can act on.
//!
//! Two questions: whether nothing was sent for certain, which callers decide by, and why, in plain words. The
//! reasons lie several errors deep, and the outer ones say only that a request failed.

use crate::cluster::ApiError;
use std::error::Error as StdError;
use std::io::ErrorKind;

/// From the client library's error. Whether anything was sent is what decides.
pub(super) fn from_client(error: &(dyn StdError + 'static), server: &str) -> ApiError {
    let chain = chain_of(error);

    // Only a failure to connect tells that nothing was sent: on a connection that was kept nobody can say.
    let not_sent = chain.iter().any(|error| {
        error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(|error| error.is_connect())
    });

    let why = reason(&chain);
    if not_sent {
        ApiError::Connect {
            server: server.to_owned(),
            why,
        }
    } else {
        ApiError::Broken { why }
    }
}

/// From a body that ended too early.
pub(super) fn from_body(error: &(dyn StdError + 'static)) -> ApiError {
    let chain = chain_of(error);
    ApiError::Broken { why: reason(&chain) }
}

fn chain_of<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut chain = vec![error];
    let mut next = error.source();
    while let Some(error) = next {
        chain.push(error);
        next = error.source();
    }
    chain
}

/// A reason in plain words, where one of the chain is known; else the innermost error's own.
fn reason(chain: &[&(dyn StdError + 'static)]) -> String {
    // From the inside out: what wraps a cause says only that something failed.
    let known = chain.iter().rev().find_map(|error| {
        let tls = error.downcast_ref::<rustls::Error>().map(tls_reason);
        tls.or_else(|| error.downcast_ref::<std::io::Error>().and_then(io_reason))
    });
    known.unwrap_or_else(|| chain.last().map(ToString::to_string).unwrap_or_default())
}

fn io_reason(error: &std::io::Error) -> Option<String> {
    // A TLS failure travels inside of one or two io::Errors, which do not name it as their source.
    if let Some(inner) = error.get_ref() {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Some(tls_reason(tls));
        }
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            return io_reason(error);
        }
    }

    let text = match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::TimedOut => "no connection within the time limit",
        ErrorKind::HostUnreachable => "the host is unreachable",
        ErrorKind::NetworkUnreachable => "the network is unreachable",
        ErrorKind::UnexpectedEof => "closed in the middle of a response",
        // The resolver's error has no kind of its own.
        _ if error.to_string().contains("failed to lookup address") => "the host name cannot be resolved",
        _ => return None,
    };
    Some(text.into())
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error};
    match error {
        Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "the server's certificate is signed by an unknown authority; see --certificate-authority"
                    .into()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name; see --tls-server-name".into()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired".into()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet; check the clock of this machine".into()
            }
            _ => "the server's certificate cannot be used".into(),
        },
        // With TLS 1.3 such an alert comes after the handshake, in the place of an answer.
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            "the server rejects the client certificate: expired".into()
        }
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        ) => "the server rejects the client certificate".into(),
        Error::InvalidMessage(_) => {
            "the server does not use TLS; check for http instead of https in its URL".into()
        }
        other => other.to_string(),
    }
}
