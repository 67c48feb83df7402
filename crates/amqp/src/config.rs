//! What an operator sets for this door.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::FRAME_MIN_SIZE;

/// Settings of the AMQP 0-9-1 door; where it listens is `net`'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest frame offered to clients, in bytes, overhead included.
    pub frame_max: u32,
    /// Most channels a connection may open.
    pub channel_max: u16,
    /// Heartbeat interval suggested to clients; 0 for none.
    #[serde(with = "anymq_types::units::duration")]
    pub heartbeat: Duration,
    /// Time a client has from connecting to `connection.open`, the TLS handshake included.
    #[serde(with = "anymq_types::units::duration")]
    pub handshake_timeout: Duration,
    /// Offer PLAIN, the mechanism nearly all clients use.
    pub plain: bool,
    /// Offer AMQPLAIN.
    pub amqplain: bool,
    /// Offer EXTERNAL (the client certificate's name is the user) on TLS connections.
    pub external: bool,
    /// Which name of a client certificate is the user: `common_name`, or `distinguished_name` (`CN=web,O=Shop`).
    pub external_user: ExternalUser,
    /// Most consumers on one channel.
    pub consumers_per_channel_max: u32,
    /// Most published bytes an uncommitted transaction may hold in memory.
    pub transaction_bytes_max: anymq_types::ByteSize,
    /// Product name told to clients. Several clients change their behaviour by it, so it says RabbitMQ.
    pub product: String,
    /// Version of RabbitMQ whose behaviour clients may expect.
    pub version: String,
    /// Cluster name told to clients.
    pub cluster_name: String,
}

/// Which name of a client certificate is the user's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalUser {
    /// The subject's common name; a certificate without one is nobody's.
    #[default]
    CommonName,
    /// The whole subject as RFC 4514 writes it: `CN=web,O=Shop`.
    DistinguishedName,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            frame_max: 131_072,
            channel_max: 2047,
            heartbeat: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            plain: true,
            amqplain: true,
            external: true,
            external_user: ExternalUser::CommonName,
            consumers_per_channel_max: 65_535,
            transaction_bytes_max: anymq_types::ByteSize::mib(64),
            product: "RabbitMQ".into(),
            version: "4.0.5".into(),
            cluster_name: "anymq".into(),
        }
    }
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.frame_max < FRAME_MIN_SIZE || self.frame_max > 16 << 20 {
            return Err(format!(
                "amqp.frame_max = {} is not within {FRAME_MIN_SIZE}..=16777216",
                self.frame_max
            ));
        }
        if self.heartbeat > Duration::from_secs(u16::MAX.into()) {
            return Err("amqp.heartbeat is longer than 65535s".into());
        }
        if self.handshake_timeout.is_zero() {
            return Err("amqp.handshake_timeout is zero".into());
        }
        if !(self.plain || self.amqplain || self.external) {
            return Err("amqp.plain, amqp.amqplain and amqp.external are all off: nobody can log in".into());
        }
        if self.product.len() > 255 || self.version.len() > 255 || self.cluster_name.len() > 255 {
            return Err("amqp.product, amqp.version or amqp.cluster_name is longer than 255 bytes".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_mistakes_are_named() {
        assert_eq!(Config::default().validate(), Ok(()));
        let cases = [
            (Config { frame_max: 4095, ..Config::default() }, "amqp.frame_max"),
            (Config { heartbeat: Duration::from_secs(65_536), ..Config::default() }, "amqp.heartbeat"),
            (Config { handshake_timeout: Duration::ZERO, ..Config::default() }, "amqp.handshake_timeout"),
            (Config { plain: false, amqplain: false, external: false, ..Config::default() }, "amqp.plain"),
            (Config { product: "p".repeat(256), ..Config::default() }, "amqp.product"),
        ];
        for (config, key) in cases {
            let error = config.validate().unwrap_err();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
