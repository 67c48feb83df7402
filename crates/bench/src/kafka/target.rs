//! The server's address: `kafka://user:password@host:port`.

use std::fmt;

use anyhow::{Context, Result, ensure};

use crate::address;

/// User and password of SASL PLAIN.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.user)
    }
}

/// A parsed URL: one server of the cluster, which tells of the others. Its text form leaves the login out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Without one nobody logs in.
    pub(crate) login: Option<Login>,
}

impl Target {
    /// Reads a URL; the port that is missing is 9092.
    pub(crate) fn parse(url: &str) -> Result<Target> {
        let address = address::parse(url, "kafka", 9092, "kafka://user:password@host:port")?;
        let path = address.path.unwrap_or_default();
        ensure!(path.is_empty(), "{path:?}: a Kafka URL ends with the port");
        let login = match (address.user, address.password) {
            (Some(user), password) => {
                Some(Login { user, password: password.context("a user without a password")? })
            }
            (None, _) => None,
        };
        Ok(Target { host: address.host, port: address.port, login })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, host, port, login) in [
            ("kafka://localhost", "localhost", 9092, None),
            ("kafka://", "localhost", 9092, None),
            ("kafka://h:1/", "h", 1, None),
            ("kafka://u:p@h:1", "h", 1, Some(("u", "p"))),
            ("kafka://u%40x:p%3a@[::1]", "::1", 9092, Some(("u@x", "p:"))),
        ] {
            let target = Target::parse(url).expect(url);
            let got = target.login.as_ref().map(|login| (login.user.as_str(), login.password.as_str()));
            assert_eq!((target.host.as_str(), target.port, got), (host, port, login), "{url}");
        }
    }

    #[test]
    fn bad_urls_are_refused_and_passwords_are_not_shown() {
        for url in ["amqp://h", "h:9092", "kafkas://h", "kafka://h:x", "kafka://h/topic", "kafka://u@h"] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
        let target = Target::parse("kafka://u:secret@h").expect("valid");
        assert!(!format!("{target} {target:?}").contains("secret"), "{target:?}");
    }
}
