//! Login mechanisms: what a client's response says. PLAIN (RFC 4616), AMQPLAIN (a field table), EXTERNAL.

use anymq_types::value::{TableRef, ValueRef};

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// User and password, parted by NUL (RFC 4616).
    Plain,
    /// User and password in a field table.
    AmqPlain,
    /// The name in the client's certificate.
    External,
}

impl Mechanism {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::AmqPlain => "AMQPLAIN",
            Mechanism::External => "EXTERNAL",
        }
    }

    /// The mechanism of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Mechanism::Plain, Mechanism::AmqPlain, Mechanism::External].into_iter().find(|m| m.name() == name)
    }
}

/// User and password as the client sent them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// Who.
    pub user: &'a [u8],
    /// The password, in the clear.
    pub password: &'a [u8],
}

/// Reads a PLAIN response: NUL, user, NUL, password. The text before the first NUL (an identity to act as) must be
/// empty, as RabbitMQ has it.
pub fn plain(response: &[u8]) -> Option<Credentials<'_>> {
    let rest = response.strip_prefix(b"\0")?;
    let end = rest.iter().position(|b| *b == 0)?;
    let (user, password) = (&rest[..end], &rest[end + 1..]);
    (!password.contains(&0)).then_some(Credentials { user, password })
}

/// Reads an AMQPLAIN response: a field table without its length, with LOGIN and PASSWORD.
pub fn amqplain(response: &[u8]) -> Result<Credentials<'_>, &'static str> {
    let table = TableRef::parse(response).map_err(|_| "AMQPLAIN auth info is not a field table")?;
    let (Some(user), Some(password)) = (table.get("LOGIN"), table.get("PASSWORD")) else {
        return Err("AMQPLAIN auth info is missing LOGIN or PASSWORD field");
    };
    match (bytes(user), bytes(password)) {
        (Some(user), Some(password)) => Ok(Credentials { user, password }),
        _ => Err("AMQPLAIN auth info uses unsupported type for LOGIN or PASSWORD field"),
    }
}

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Str(bytes) | ValueRef::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_responses() {
        type Case<'a> = (&'a [u8], Option<(&'a [u8], &'a [u8])>);
        let cases: &[Case<'_>] = &[
            (b"\0guest\0secret", Some((b"guest", b"secret"))),
            (b"\0\0", Some((b"", b""))),
            (b"guest\0secret", None),
            (b"other\0guest\0secret", None),
            (b"\0guest", None),
            (b"\0guest\0secret\0", None),
            (b"", None),
        ];
        for (response, expected) in cases {
            let found = plain(response).map(|c| (c.user, c.password));
            assert_eq!(found, *expected, "{response:?}");
        }
    }

    #[test]
    fn amqplain_responses() {
        let good = b"\x05LOGINS\0\0\0\x02me\x08PASSWORDS\0\0\0\x02pw";
        let found = amqplain(good).map(|c| (c.user, c.password));
        assert_eq!(found, Ok((&b"me"[..], &b"pw"[..])));
        for bad in [
            &b"\x05LOGINS\0\0\0\x02me"[..],
            b"",
            b"\x05LOGIN",
            b"\x05LOGINI\0\0\0\x01\x08PASSWORDS\0\0\0\x02pw",
        ] {
            assert!(amqplain(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for mechanism in [Mechanism::Plain, Mechanism::AmqPlain, Mechanism::External] {
            assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
        }
        assert_eq!(Mechanism::parse("plain"), None);
    }
}
