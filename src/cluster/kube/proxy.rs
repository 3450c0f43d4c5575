//! Which proxy a server is reached through, by the rules of kubectl: a cluster's `proxy-url` counts as it is; the
//! environment's proxy does not for loopback addresses and for what NO_PROXY names.

use super::process_env::ProcessEnv;
use crate::cluster::ConnectError;
use http::Uri;
use std::net::IpAddr;

/// The proxy to use for `server`, if any.
pub(super) fn proxy_for(
    server: &Uri,
    configured: Option<&str>,
    env: &ProcessEnv,
) -> Result<Option<Uri>, ConnectError> {
    if let Some(url) = configured.filter(|url| !url.is_empty()) {
        return parse(url).map(Some);
    }

    let from_environment = match server.scheme_str() {
        Some("http") => env.http_proxy.as_deref(),
        _ => env.https_proxy.as_deref(),
    };
    match from_environment {
        Some(url) if !is_excepted(server, &env.no_proxy) => parse(url).map(Some),
        _ => Ok(None),
    }
}

/// A URL without a scheme is an http proxy's.
fn parse(url: &str) -> Result<Uri, ConnectError> {
    let full = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    // Of both the client library has the proxy look the host up, but it knows one name alone.
    let full = full.replacen("socks5h://", "socks5://", 1);

    let bad = |why: String| ConnectError::BadUrl {
        what: "a proxy",
        url: without_credentials(url),
        why,
    };

    let uri: Uri = full
        .parse()
        .map_err(|error: http::uri::InvalidUri| bad(error.to_string()))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") if uri.host().is_some() => Ok(uri),
        _ => Err(bad("only http, https and socks5 proxies are supported".into())),
    }
}

/// A URL as it may be shown.
pub(super) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let authority_end = rest.find('/').unwrap_or(rest.len());
    // The last one: a password may hold an @ of its own.
    let host = rest[..authority_end]
        .rfind('@')
        .map_or(rest, |at| &rest[at + 1..]);

    if scheme.is_empty() {
        host.into()
    } else {
        format!("{scheme}://{host}")
    }
}

/// Whether the environment's proxy is not for this server: loopback, or named by NO_PROXY.
fn is_excepted(server: &Uri, no_proxy: &str) -> bool {
    // `host.` and `HOST` are the same host, and brackets belong to the URL alone.
    let host = server
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .trim_end_matches('.')
        .to_lowercase();

    let port = server
        .port_u16()
        .unwrap_or(if server.scheme_str() == Some("http") {
            80
        } else {
            443
        });

    let address: Option<IpAddr> = host.parse().ok();
    // As Go's HTTP client: a proxy elsewhere cannot reach what listens on this machine.
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }

    no_proxy
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let entry = entry.to_lowercase();
            entry == "*" || matches_entry(&entry, &host, address, port)
        })
}

fn matches_entry(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    // A name is not looked up to see whether it lies in a network.
    if let Some((network, bits)) = entry.split_once('/') {
        let network = network.parse().ok().zip(bits.parse().ok());
        return network
            .zip(address)
            .is_some_and(|((network, bits), address)| is_within(address, network, bits));
    }

    let (name, wanted_port) = split_port(entry);
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }

    if let Ok(wanted) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
        return address == Some(wanted);
    }

    match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        // A leading dot means hosts below the name, and not itself.
        Some(suffix) => ends_with_label(host, suffix),
        None => host == name || ends_with_label(host, name),
    }
}

/// `host:8443` → host and port; an IPv6 address without brackets has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn ends_with_label(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    fn same(a: u128, b: u128, width: u32, bits: u32) -> bool {
        // A shift by the whole width would overflow.
        bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0)
    }
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32, bits),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128, bits),
        // An address of the other family is in no such network.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn with_proxy(no_proxy: &str) -> ProcessEnv {
        ProcessEnv {
            https_proxy: Some("http://proxy.corp:3128".into()),
            no_proxy: no_proxy.into(),
            ..Default::default()
        }
    }

    fn chosen(server: &str, no_proxy: &str) -> bool {
        proxy_for(&server.parse().unwrap(), None, &with_proxy(no_proxy))
            .unwrap()
            .is_some()
    }

    #[rstest]
    #[case("https://k8s.example.com:6443", "", true)]
    #[case("https://k8s.example.com:6443", "example.com", false)]
    #[case("https://k8s.example.com:6443", ".example.com", false)]
    #[case("https://example.com", ".example.com", true)]
    // Whole labels count, and not the end of a text.
    #[case("https://badexample.com", "example.com", true)]
    #[case("https://k8s.example.com:6443", "k8s.example.com:6443", false)]
    #[case("https://k8s.example.com:6443", "k8s.example.com:443", true)]
    #[case("https://10.1.2.3:6443", "10.0.0.0/8", false)]
    #[case("https://11.1.2.3:6443", "10.0.0.0/8", true)]
    #[case("https://10.1.2.3:6443", "localhost, 10.1.2.3", false)]
    #[case("https://[fd00::1]:6443", "fd00::/8", false)]
    #[case("https://k8s.example.com", "*", false)]
    #[case("https://127.0.0.1:6443", "", false)]
    #[case("https://localhost:6443", "", false)]
    fn the_environments_proxy_is_not_for_what_no_proxy_names(
        #[case] server: &str,
        #[case] no_proxy: &str,
        #[case] through_proxy: bool,
    ) {
        assert_eq!(chosen(server, no_proxy), through_proxy);
    }

    #[test]
    fn the_proxys_own_address_in_no_proxy_does_not_switch_it_off() {
        assert!(chosen("https://k8s.example.com", "proxy.corp"));
    }

    #[test]
    fn a_clusters_own_proxy_counts_whatever_no_proxy_says() {
        let server = "https://k8s.example.com".parse().unwrap();
        let proxy = proxy_for(&server, Some("socks5://127.0.0.1:1080"), &with_proxy("*")).unwrap();
        assert_eq!(proxy.unwrap().to_string(), "socks5://127.0.0.1:1080/");
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        let server = "https://k8s.example.com".parse().unwrap();
        let error = proxy_for(&server, Some("ftp://me:hunter2@proxy"), &ProcessEnv::default()).unwrap_err();

        assert!(error.to_string().contains("ftp://proxy"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}
