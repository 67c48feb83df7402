//! The client's messages, read in place (RFC 5802, section 7).

use std::borrow::Cow;

/// Longest message that is read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// What an extension says whose user name is that of a delegation token.
const BY_TOKEN: &str = "tokenauth=true";

/// The first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst<'a> {
    /// The channel binding flag and whom to act for, as they came; repeated in the last message.
    pub(super) gs2: &'a str,
    /// What follows it; part of what is signed.
    pub(super) bare: &'a str,
    /// Whom to act for, if anybody is named.
    pub(super) identity: Option<Cow<'a, str>>,
    pub(super) user: Cow<'a, str>,
    pub(super) nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    /// Reads it. `None`: not well-formed, or it wants what is not offered: channel binding, mandatory extensions, delegation
    /// tokens.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let text = text(message)?;
        // A client that could bind to the channel ("y") is refused like one that wants to ("p="): as Kafka does.
        let rest = text.strip_prefix("n,")?;
        let (identity, bare) = rest.split_once(',')?;
        let identity = match identity {
            "" => None,
            identity => Some(name(identity.strip_prefix("a=")?)?),
        };
        let mut parts = bare.split(',');
        let user = name(parts.next()?.strip_prefix("n=")?)?;
        let nonce = parts.next()?.strip_prefix("r=").filter(|nonce| is_printable(nonce))?;
        let takes = |part: &str| is_extension(part) && part != BY_TOKEN;
        let gs2 = &text[..text.len() - bare.len()];
        (!user.is_empty() && parts.all(takes)).then_some(ClientFirst { gs2, bare, identity, user, nonce })
    }

    /// Who wants to log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether it wants to act for somebody else.
    pub fn acts_for_another(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| *identity != self.user)
    }
}

/// The last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// In base64.
    pub(super) gs2: &'a str,
    pub(super) nonce: &'a str,
    /// In base64.
    pub(super) proof: &'a str,
    /// What is signed: all but the proof.
    pub(super) without_proof: &'a str,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let text = text(message)?;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let mut parts = without_proof.split(',');
        let gs2 = parts.next()?.strip_prefix("c=")?;
        let nonce = parts.next()?.strip_prefix("r=")?;
        parts.all(is_extension).then_some(ClientFinal { gs2, nonce, proof, without_proof })
    }
}

fn text(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    (text.len() <= MESSAGE_BYTES_MAX && !text.contains('\0')).then_some(text)
}

/// A name with its commas and equals signs, which travel as `=2C` and `=3D`; `None` if it has others.
pub fn name(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('=') {
        return Some(text.into());
    }
    let mut parts = text.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.get(..2)? {
            "2C" => (',', &part[2..]),
            "3D" => ('=', &part[2..]),
            _ => return None,
        };
        out.push(sign);
        out.push_str(rest);
    }
    Some(out.into())
}

fn is_printable(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_extension(part: &str) -> bool {
    part.split_once('=').is_some_and(|(name, _)| {
        // `m` is for what must be understood, and nothing here is.
        name != "m" && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}
