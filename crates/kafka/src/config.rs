//! What an operator sets for this door.

use std::time::Duration;

use anymq_types::ByteSize;
use serde::{Deserialize, Serialize};

use crate::wire::FRAME_BYTES_MAX;

/// Most nodes that one broker can be to its clients.
const VIRTUAL_NODES_MAX: u16 = 16;

/// Ports from one virtual node to the next, so that each has room for its three.
pub const VIRTUAL_NODE_PORTS: u16 = 3;

/// Settings of the Kafka door; where it listens is `net`'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Listen at all.
    pub enabled: bool,
    /// The vhost whose topics and queues Kafka clients see.
    pub vhost: String,
    /// User of clients that do not log in; empty: every client must log in. `guest` counts only as long as its password
    /// is `guest`, and from where it may connect (`broker.loopback_users`); any other user needs no password.
    pub anonymous_user: String,
    /// Offer SASL PLAIN: user and password.
    pub plain: bool,
    /// Offer SASL SCRAM-SHA-256 and SCRAM-SHA-512: user and password, which does not travel.
    pub scram: bool,
    /// Take tokens that nobody has signed from clients of this machine, with SASL OAUTHBEARER: whoever knows a user's name is
    /// let in as that user. For tests. Signed tokens are taken if `auth.oauth2` says so.
    pub unsecured_tokens: bool,
    /// How long a login by SASL is good (`connections.max.reauth.ms`): clients are told, and log in again on the same
    /// connection; it is closed on who does not. 0: as long as the connection lasts. A token's own end counts in any case.
    #[serde(with = "anymq_types::units::duration")]
    pub connections_max_reauth: Duration,
    /// A further TLS port, on which every client must log in by SASL whatever `anonymous_user` says; 0: none. It has the
    /// certificate of `tls` and asks for none of the client's.
    pub login_tls_port: u16,
    /// Address that clients are told to connect to, as `host` or `host:port`; empty: the one they have dialled.
    pub advertised_address: String,
    /// Nodes that clients are told of, all of them this one: the second listens three ports above the first, and so on. For
    /// tests that want several; more than one has no other use.
    pub virtual_nodes: u16,
    /// Make a topic when a client asks for one that does not exist and lets the server make it.
    pub auto_create_topics: bool,
    /// Partitions of a topic whose maker does not say.
    pub default_partitions: u32,
    /// Largest request.
    pub request_bytes_max: ByteSize,
    /// Most bytes of records in the answer to one fetch, whatever the client asks for; the first batch may be larger.
    pub fetch_bytes_max: ByteSize,
    /// Time a client has to log in, the TLS handshake included.
    #[serde(with = "anymq_types::units::duration")]
    pub handshake_timeout: Duration,
    /// A connection on which nothing came for so long is closed.
    #[serde(with = "anymq_types::units::duration")]
    pub idle_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            enabled: true,
            vhost: "/".into(),
            anonymous_user: "guest".into(),
            plain: true,
            scram: true,
            unsecured_tokens: false,
            connections_max_reauth: Duration::ZERO,
            login_tls_port: 0,
            advertised_address: String::new(),
            virtual_nodes: 1,
            auto_create_topics: true,
            default_partitions: 1,
            request_bytes_max: ByteSize(FRAME_BYTES_MAX as u64),
            fetch_bytes_max: ByteSize::mib(55),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
        }
    }
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.vhost.is_empty() || self.vhost.len() > 255 {
            return Err("kafka.vhost must have 1 to 255 bytes".into());
        }
        if self.anonymous_user.len() > 255 {
            return Err("kafka.anonymous_user has more than 255 bytes".into());
        }
        if !self.connections_max_reauth.is_zero() && self.connections_max_reauth < Duration::from_secs(1) {
            return Err("kafka.connections_max_reauth is less than 1s".into());
        }
        self.advertised().map_err(|reason| format!("kafka.advertised_address {reason}"))?;
        if !(1..=VIRTUAL_NODES_MAX).contains(&self.virtual_nodes) {
            return Err(format!(
                "kafka.virtual_nodes = {} is not within 1..={VIRTUAL_NODES_MAX}",
                self.virtual_nodes
            ));
        }
        if self.default_partitions == 0 || self.default_partitions > 10_000 {
            return Err(format!(
                "kafka.default_partitions = {} is not within 1..=10000",
                self.default_partitions
            ));
        }
        let (least, most) = (ByteSize(1 << 10), ByteSize(1 << 30));
        for (key, size) in
            [("request_bytes_max", self.request_bytes_max), ("fetch_bytes_max", self.fetch_bytes_max)]
        {
            if size < least || size > most {
                return Err(format!("kafka.{key} = {size} is not within 1KiB..=1GiB"));
            }
        }
        if self.handshake_timeout.is_zero() {
            return Err("kafka.handshake_timeout is zero".into());
        }
        if self.idle_timeout < Duration::from_secs(1) {
            return Err("kafka.idle_timeout is less than 1s".into());
        }
        Ok(())
    }

    /// How long a login is good whose token is good for so long.
    pub(crate) fn session_lifetime(&self, token: Option<Duration>) -> Option<Duration> {
        let most = Some(self.connections_max_reauth).filter(|most| !most.is_zero());
        token.into_iter().chain(most).min()
    }

    /// Host and port that clients are told, as far as they are set.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub(crate) fn advertised(&self) -> Result<(Option<&str>, Option<u16>), String> {
        let address = self.advertised_address.as_str();
        if address.is_empty() {
            return Ok((None, None));
        }
        // An IPv6 address stands in brackets if a port follows.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
            _ => (address, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.len() > 255 {
            return Err(format!("{address:?} has no host of 1 to 255 bytes"));
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(format!("{address:?} has no port of 1 to 65535")),
        };
        Ok((Some(host), port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_mistakes_are_named() {
        assert_eq!(Config::default().validate(), Ok(()));
        let cases = [
            (Config { vhost: String::new(), ..Config::default() }, "kafka.vhost"),
            (Config { anonymous_user: "u".repeat(256), ..Config::default() }, "kafka.anonymous_user"),
            (
                Config { connections_max_reauth: Duration::from_millis(1), ..Config::default() },
                "kafka.connections_max_reauth",
            ),
            (Config { advertised_address: "h:0".into(), ..Config::default() }, "kafka.advertised_address"),
            (Config { advertised_address: ":9092".into(), ..Config::default() }, "kafka.advertised_address"),
            (Config { virtual_nodes: 0, ..Config::default() }, "kafka.virtual_nodes"),
            (Config { default_partitions: 0, ..Config::default() }, "kafka.default_partitions"),
            (Config { request_bytes_max: ByteSize(2 << 30), ..Config::default() }, "kafka.request_bytes_max"),
            (Config { fetch_bytes_max: ByteSize(0), ..Config::default() }, "kafka.fetch_bytes_max"),
            (Config { handshake_timeout: Duration::ZERO, ..Config::default() }, "kafka.handshake_timeout"),
            (Config { idle_timeout: Duration::ZERO, ..Config::default() }, "kafka.idle_timeout"),
        ];
        for (config, key) in cases {
            let error = config.validate().unwrap_err();
            assert!(error.starts_with(key), "{error}");
        }
    }

    #[test]
    fn advertised_addresses() {
        let cases = [
            ("", (None, None)),
            ("broker.example", (Some("broker.example"), None)),
            ("broker.example:19092", (Some("broker.example"), Some(19092))),
            ("::1", (Some("::1"), None)),
            ("[::1]:9092", (Some("::1"), Some(9092))),
        ];
        for (address, expected) in cases {
            let config = Config { advertised_address: address.into(), ..Config::default() };
            assert_eq!(config.advertised(), Ok(expected), "{address}");
        }
    }
}
