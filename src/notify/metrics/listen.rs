//! Where the server listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// None for all addresses of the machine.
    host: Option<IpAddr>,
    port: u16,
}

impl ListenAddress {
    /// From `:8080`, `127.0.0.1:8080` or `[::1]:8080`.
    ///
    /// # Errors
    ///
    /// Where it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected an address such as :8080 or 127.0.0.1:8080, found {text:?}");
        if let Some(port) = text.strip_prefix(':') {
            let port = port.parse().map_err(|_| wrong())?;
            return Ok(Self { host: None, port });
        }
        let address: SocketAddr = text.parse().map_err(|_| wrong())?;
        Ok(Self {
            host: Some(address.ip()),
            port: address.port(),
        })
    }

    /// Listens.
    ///
    /// # Errors
    ///
    /// Where the port is taken, or the address is not this machine's.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        if let Some(host) = self.host {
            return TcpListener::bind((host, self.port)).await;
        }
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
            // A machine without IPv6.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await
            }
            bound => bound,
        }
    }
}

/// As it is typed.
impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Some(host) => SocketAddr::from((host, self.port)).fmt(f),
            None => write!(f, ":{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_typed_and_needs_a_port() {
        for text in [":8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(ListenAddress::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["8080", "localhost:8080", ":", ":70000", "127.0.0.1", ""] {
            assert!(ListenAddress::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_port_alone_is_reached_by_ipv4() {
        let listener = ListenAddress::parse(":0").unwrap().bind().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(
            tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
        );
    }
}
