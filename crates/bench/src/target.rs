//! The server's address: `amqp://user:password@host:port/vhost`.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};

/// A parsed URL. Its text form leaves the password out.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        let Some(rest) = url.strip_prefix("amqp://") else {
            if url.starts_with("amqps://") {
                bail!("the benchmark does not speak TLS: use amqp://");
            }
            bail!("{url:?} is no URL of the form amqp://user:password@host:port/vhost");
        };
        let (authority, vhost) = match rest.split_once('/') {
            Some((authority, vhost)) => (authority, decode(vhost.split('?').next().unwrap_or_default())?),
            None => (rest, "/".to_owned()),
        };
        let (login, address) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, "guest"));
        let (host, port) = split_port(address)?;
        ensure!(vhost.len() <= 255, "the vhost's name is longer than 255 bytes");
        Ok(Target {
            host: if host.is_empty() { "localhost".to_owned() } else { host.to_owned() },
            port,
            user: decode(user)?,
            password: decode(password)?,
            vhost: if vhost.is_empty() { "/".to_owned() } else { vhost },
        })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(address: &str) -> Result<(&str, u16)> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().with_context(|| format!("{port:?} is no port"))?,
        None => 5672,
    };
    Ok((host, port))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.with_context(|| format!("{text:?}: % without two hex digits"))?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).with_context(|| format!("{text:?} is not UTF-8"))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)?;
        if self.vhost != "/" { write!(f, " vhost {}", self.vhost) } else { Ok(()) }
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
