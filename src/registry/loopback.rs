//! Which registries are spoken to without TLS: those of the loopback that do not speak it.
//!
//! It is found out by a plain request, which a server with TLS refuses in a way of its own. The probe blocks for
//! about a second at most; no other host is ever probed.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// On this machine nobody listens in, so that a registry without TLS needs no flag; one with TLS is asked with it.
pub(super) fn is_plain(host: &str) -> bool {
    is_loopback(host) && !speaks_tls(host)
}

/// By the address itself: a name that begins like one (`127.shop.example`) is anybody's.
fn is_loopback(host: &str) -> bool {
    let address = host
        .parse::<SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| host.trim_matches(['[', ']']).parse::<IpAddr>());
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    address.map_or(name == "localhost", |address| address.is_loopback())
}

/// A server with TLS answers a plain request with an alert or with a 400; whoever does not answer is taken for plain,
/// and the request proper tells what is wrong.
fn speaks_tls(host: &str) -> bool {
    // Without a port a plain request goes to 80: whoever answers there is the one to judge.
    let address = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };

    let ask = || -> std::io::Result<Vec<u8>> {
        let address = address
            .to_socket_addrs()?
            .next()
            .ok_or(std::io::ErrorKind::NotFound)?;
        // The loopback answers at once, or not at all.
        let timeout = Duration::from_millis(500);
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all(format!("GET /v2/ HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes())?;

        // As many bytes as `HTTP/1.0 400` has: what follows them tells nothing more.
        let mut answer = vec![0; 12];
        let count = stream.read(&mut answer)?;
        answer.truncate(count);
        Ok(answer)
    };

    ask().is_ok_and(|answer| match answer.as_slice() {
        // A TLS record: an alert.
        [0x15, ..] => true,
        text => text.starts_with(b"HTTP/1.") && text.ends_with(b" 400"),
    })
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn a_loopback_address_is_one_and_a_name_that_begins_like_one_is_none() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1",
            "127.8.8.8:5000",
            "[::1]",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "127.shop.example",
            "127.0.0.1.shop.example:5000",
            "localhost.shop.example",
            "10.0.0.1:5000",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
