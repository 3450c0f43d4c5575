//! Which registries are spoken to without TLS: those of the loopback that do not speak it.
//!
//! It is found out by a plain request, which a server with TLS refuses in a way of its own. The probe blocks for
//! about a second at most; no other host is ever probed.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// On this machine nobody listens in, so that a registry without TLS needs no flag; one with TLS is asked with it.
pub(super) fn is_plain(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_loopback = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    is_loopback && !speaks_tls(host)
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
