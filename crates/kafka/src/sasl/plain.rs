//! PLAIN (RFC 4616): what a client's token says.

/// User and password as the client sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credentials<'a> {
    /// Who.
    pub(super) user: &'a [u8],
    /// The password, in the clear.
    pub(super) password: &'a [u8],
}

/// Reads a PLAIN token: the identity to act as, NUL, user, NUL, password. The identity must be empty or the user's
/// name, as Kafka has it.
pub(super) fn parse(token: &[u8]) -> Option<Credentials<'_>> {
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
            assert_eq!(parse(token).map(|c| (c.user, c.password)), *expected, "{token:?}");
        }
    }
}
