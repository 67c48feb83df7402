//! Login mechanisms: what a client's token says. PLAIN (RFC 4616).

/// User and password as the client sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials<'a> {
    /// Who.
    pub(crate) user: &'a [u8],
    /// The password, in the clear.
    pub(crate) password: &'a [u8],
}

/// The only mechanism so far.
pub(crate) const PLAIN: &str = "PLAIN";

/// Reads a PLAIN token: the identity to act as, NUL, user, NUL, password. The identity must be empty or the user's
/// name, as Kafka has it.
pub(crate) fn plain(token: &[u8]) -> Option<Credentials<'_>> {
    let mut parts = token.split(|b| *b == 0);
    let (identity, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && !user.is_empty() && !password.is_empty();
    (is_whole && (identity.is_empty() || identity == user)).then_some(Credentials { user, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tokens() {
        type Case<'a> = (&'a [u8], Option<(&'a [u8], &'a [u8])>);
        let cases: &[Case<'_>] = &[
            (b"\0me\0secret", Some((b"me", b"secret"))),
            (b"me\0me\0secret", Some((b"me", b"secret"))),
            (b"other\0me\0secret", None),
            (b"me\0secret", None),
            (b"\0\0secret", None),
            (b"\0me\0", None),
            (b"\0me\0secret\0", None),
            (b"", None),
        ];
        for (token, expected) in cases {
            assert_eq!(plain(token).map(|c| (c.user, c.password)), *expected, "{token:?}");
        }
    }
}
