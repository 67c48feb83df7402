//! What an operator sets about one door's sockets.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The sockets of one door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// IP addresses to listen on. `"0.0.0.0"` and `"::"` together mean every interface.
    pub addresses: Vec<IpAddr>,
    /// Plain TCP port; 0 takes any free one.
    pub port: u16,
    /// TLS port, opened only if `tls` is set; 0 takes any free one.
    pub tls_port: u16,
    /// Open the plain port at all; false leaves TLS only.
    pub plaintext: bool,
    /// Certificate and key for the TLS port.
    pub tls: Option<TlsConfig>,
    /// Connections the kernel may hold before they are accepted.
    pub backlog: u32,
    /// Most connections at a time on this door, plain and TLS together.
    pub max_connections: u32,
    /// Most connections at a time from one address that have not logged in yet.
    pub max_unauthenticated_per_ip: u32,
    /// Send small packets at once (TCP_NODELAY).
    pub nodelay: bool,
}

/// A certificate, its key, and whom it trusts. PEM files, read again on SIGHUP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the server's certificate chain, leaf first.
    pub cert: PathBuf,
    /// PEM file with the private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
    /// PEM file with the authorities that sign client certificates. Unset: clients are not asked for one.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Refuse clients that show no certificate. Needs `client_ca`.
    #[serde(default)]
    pub require_client_cert: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            addresses: vec![IpAddr::from([0, 0, 0, 0]), IpAddr::from([0u16; 8])],
            port: 0,
            tls_port: 0,
            plaintext: true,
            tls: None,
            backlog: 1024,
            max_connections: 65_536,
            max_unauthenticated_per_ip: 1024,
            nodelay: true,
        }
    }
}

impl Config {
    /// Says what is wrong: the key within this table, and why.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.addresses.is_empty() {
            return Err(("addresses", "needs at least one address to listen on".into()));
        }
        if !self.plaintext && self.tls.is_none() {
            return Err(("plaintext", "is false and no tls table is set, so no port would be open".into()));
        }
        if self.backlog == 0 || self.backlog > 65_535 {
            return Err(("backlog", format!("is {}, must be 1 to 65535", self.backlog)));
        }
        if self.max_connections == 0 {
            return Err(("max_connections", "is 0, so nobody could connect".into()));
        }
        if self.max_unauthenticated_per_ip == 0 {
            return Err(("max_unauthenticated_per_ip", "is 0, so nobody could log in".into()));
        }
        if let Some(tls) = &self.tls {
            if tls.cert.as_os_str().is_empty() {
                return Err(("tls.cert", "is empty, must name a PEM file".into()));
            }
            if tls.key.as_os_str().is_empty() {
                return Err(("tls.key", "is empty, must name a PEM file".into()));
            }
            if tls.require_client_cert && tls.client_ca.is_none() {
                return Err(("tls.require_client_cert", "is true but tls.client_ca is not set".into()));
            }
            if self.plaintext && self.port != 0 && self.port == self.tls_port {
                return Err(("tls_port", format!("is {}, the same as port", self.tls_port)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validate_names_the_key() {
        let tls = || TlsConfig { cert: "c.pem".into(), key: "k.pem".into(), ..TlsConfig::default() };
        let cases: [(&str, Config); 7] = [
            ("addresses", Config { addresses: vec![], ..Config::default() }),
            ("plaintext", Config { plaintext: false, ..Config::default() }),
            ("backlog", Config { backlog: 0, ..Config::default() }),
            ("max_connections", Config { max_connections: 0, ..Config::default() }),
            ("tls.cert", Config { tls: Some(TlsConfig { cert: "".into(), ..tls() }), ..Config::default() }),
            (
                "tls.require_client_cert",
                Config { tls: Some(TlsConfig { require_client_cert: true, ..tls() }), ..Config::default() },
            ),
            ("tls_port", Config { port: 5672, tls_port: 5672, tls: Some(tls()), ..Config::default() }),
        ];
        for (key, config) in cases {
            assert_eq!(config.validate().expect_err(key).0, key);
        }
        assert_eq!(Config { tls: Some(tls()), plaintext: false, ..Config::default() }.validate(), Ok(()));
    }
}
