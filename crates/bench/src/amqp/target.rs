//! The server's address: `amqp://user:password@host:port/vhost`.

use std::fmt;

use anyhow::{Result, ensure};

use crate::address::{self, decode};

/// A parsed URL. Its text form leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) vhost: String,
}

impl Target {
    /// Reads a URL; what is missing is `guest:guest`, port 5672, vhost `/`.
    pub(crate) fn parse(url: &str) -> Result<Target> {
        let address = address::parse(url, "amqp", 5672, "amqp://user:password@host:port/vhost")?;
        let vhost = decode(address.path.and_then(|path| path.split('?').next()).unwrap_or_default())?;
        ensure!(vhost.len() <= 255, "the vhost's name is longer than 255 bytes");
        let guest = || "guest".to_owned();
        Ok(Target {
            host: address.host,
            port: address.port,
            user: address.user.unwrap_or_else(guest),
            password: address.password.unwrap_or_else(guest),
            vhost: if vhost.is_empty() { "/".to_owned() } else { vhost },
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)?;
        if self.vhost != "/" { write!(f, " vhost {}", self.vhost) } else { Ok(()) }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, host: &str, port: u16, login: &str, vhost: &str) {
        let target = Target::parse(url).expect(url);
        let got = (target.host.as_str(), target.port, format!("{}:{}", target.user, target.password));
        assert_eq!(got, (host, port, login.to_owned()), "{url}");
        assert_eq!(target.vhost, vhost, "{url}");
    }

    #[test]
    fn urls() {
        check("amqp://localhost", "localhost", 5672, "guest:guest", "/");
        check("amqp://", "localhost", 5672, "guest:guest", "/");
        check("amqp://u:p@h:1/", "h", 1, "u:p", "/");
        check("amqp://u%40x:p%3a%2f@h/%2f", "h", 5672, "u@x:p:/", "/");
        check("amqp://h:2/v%20w?heartbeat=5", "h", 2, "guest:guest", "v w");
        check("amqp://[::1]:3/v", "::1", 3, "guest:guest", "v");
    }

    #[test]
    fn bad_urls_are_refused_and_passwords_are_not_shown() {
        for url in
            ["http://h", "h:5672", "amqps://h", "amqp://h:x", "amqp://h/%2", "amqp://h/%zz", "amqp://h/%ff"]
        {
            assert!(Target::parse(url).is_err(), "{url}");
        }
        let target = Target::parse("amqp://u:secret@h/v").expect("valid");
        assert_eq!(target.to_string(), "h:5672 vhost v");
    }
}
