//! The part that all servers' URLs have: `SCHEME://user:password@host:port`.

use anyhow::{Context, Result, bail};

/// Host, port and login of a URL, and what follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// After the slash; None without one.
    pub(crate) path: Option<&'a str>,
}

/// Reads `SCHEME://…`. Without a host it is `localhost`, without a port `port`. `form` is how a URL should look.
pub(crate) fn parse<'a>(url: &'a str, scheme: &str, port: u16, form: &str) -> Result<Address<'a>> {
    let Some(rest) = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) else {
        if url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("s://")) {
            bail!("the benchmark does not speak TLS: use {scheme}://");
        }
        bail!("{url:?} is no URL of the form {form}");
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    };
    let (user, password) = match login {
        None => (None, None),
        Some(login) => match login.split_once(':') {
            Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
            None => (Some(decode(login)?), None),
        },
    };
    let (host, own_port) = split_port(place)?;
    let host = if host.is_empty() { "localhost" } else { host }.to_owned();
    Ok(Address { host, port: own_port.unwrap_or(port), user, password, path })
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(place: &str) -> Result<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map(|port| port.parse().with_context(|| format!("{port:?} is no port"))).transpose()?;
    Ok((host, port))
}

/// Undoes percent-encoding.
pub(crate) fn decode(text: &str) -> Result<String> {
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
