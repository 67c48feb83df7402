//! What an operator sets about the schema registry.

use std::time::Duration;

use anymq_types::ByteSize;
use serde::{Deserialize, Serialize};

/// The schema registry; where it listens is `net`'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listen at all; `anymq dev` does. Queues and topics that demand schemas do so either way.
    pub enabled: bool,
    /// The vhost whose schemas clients see. Queues and topics of a vhost demand schemas of the same vhost.
    pub vhost: String,
    /// User of clients that do not log in; empty: every client must log in. `guest` counts only as long as its password
    /// is `guest`, and from where it may connect (`broker.loopback_users`); any other user needs no password.
    pub anonymous_user: String,
    /// How a new version must fit those before, where nothing else is set: `NONE`, `BACKWARD`, `BACKWARD_TRANSITIVE`, `FORWARD`,
    /// `FORWARD_TRANSITIVE`, `FULL` or `FULL_TRANSITIVE`.
    pub compatibility: String,
    /// Largest request body.
    pub body_max: ByteSize,
    /// Longest a request may take.
    #[serde(with = "anymq_types::units::duration")]
    pub request_deadline: Duration,
    /// Most requests worked on at a time; more are answered with status 429.
    pub max_requests: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            enabled: false,
            vhost: "/".into(),
            anonymous_user: "guest".into(),
            compatibility: "BACKWARD".into(),
            body_max: ByteSize::mib(4),
            request_deadline: Duration::from_secs(30),
            max_requests: 16,
        }
    }
}

impl Config {
    /// Says what is wrong: the key within this table, and why.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        for (key, value) in [("vhost", &self.vhost), ("anonymous_user", &self.anonymous_user)] {
            if value.len() > 255 {
                return Err((key, "has more than 255 bytes".into()));
            }
        }
        if crate::settings::level(&self.compatibility).is_none() {
            return Err((
                "compatibility",
                format!("is {:?}, which is no compatibility level", self.compatibility),
            ));
        }
        if self.body_max.0 < 1024 || self.body_max > ByteSize::mib(64) {
            return Err(("body_max", format!("is {}, must be 1KiB to 64MiB", self.body_max)));
        }
        if self.request_deadline < Duration::from_millis(100) {
            return Err(("request_deadline", "is shorter than 100ms".into()));
        }
        if self.max_requests == 0 || self.max_requests > 1024 {
            return Err(("max_requests", format!("is {}, must be 1 to 1024", self.max_requests)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(Config::default().validate(), Ok(()));
        let base = Config::default;
        for (config, key) in [
            (Config { vhost: "v".repeat(256), ..base() }, "vhost"),
            (Config { anonymous_user: "u".repeat(256), ..base() }, "anonymous_user"),
            (Config { compatibility: "UPWARD".into(), ..base() }, "compatibility"),
            (Config { body_max: ByteSize(10), ..base() }, "body_max"),
            (Config { request_deadline: Duration::ZERO, ..base() }, "request_deadline"),
            (Config { max_requests: 0, ..base() }, "max_requests"),
        ] {
            assert_eq!(config.validate().map_err(|(key, _)| key), Err(key));
        }
    }
}
