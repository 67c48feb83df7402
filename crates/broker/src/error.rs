//! The hall's errors: a closed list of kinds that tell the caller what to do.

use std::fmt;

/// What went wrong, as far as a caller acts on it. Closed on purpose: every door answers every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The named thing does not exist.
    NotFound,
    /// It exists with other properties.
    Conflict,
    /// An argument or a state that the operation cannot accept.
    Invalid,
    /// The principal may not do this, or the name is reserved.
    Forbidden,
    /// Somebody else owns it exclusively.
    Locked,
    /// Not now: still in use, or not empty.
    InUse,
    /// Larger than a limit.
    TooLarge,
    /// The connection as a whole may not do this (vhost unknown or refused, limits of connections).
    NotAllowed,
    /// The queue's type or the operation does not offer this.
    NotImplemented,
    /// A quota or resource is used up.
    Exhausted,
    /// Storage is not available now.
    Unavailable,
    /// Stored data did not verify.
    Corrupt,
}

/// An error with the sentence the client gets to see: it names the thing and the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What to do about it.
    pub kind: ErrorKind,
    /// Lowercase, no full stop.
    pub text: String,
}

impl Error {
    /// An error of `kind` that says `text`.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Error { kind, text: text.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// Result of a broker call.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! shorthand {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {
        impl Error { $($(#[$doc])* pub fn $name(text: impl Into<String>) -> Self { Error::new(ErrorKind::$kind, text) })* }
    };
}

shorthand! {
    /// [`ErrorKind::NotFound`].
    not_found => NotFound,
    /// [`ErrorKind::Conflict`].
    conflict => Conflict,
    /// [`ErrorKind::Invalid`].
    invalid => Invalid,
    /// [`ErrorKind::Forbidden`].
    forbidden => Forbidden,
    /// [`ErrorKind::Locked`].
    locked => Locked,
    /// [`ErrorKind::InUse`].
    in_use => InUse,
    /// [`ErrorKind::TooLarge`].
    too_large => TooLarge,
    /// [`ErrorKind::NotAllowed`].
    not_allowed => NotAllowed,
    /// [`ErrorKind::NotImplemented`].
    not_implemented => NotImplemented,
    /// [`ErrorKind::Exhausted`].
    exhausted => Exhausted,
    /// [`ErrorKind::Unavailable`].
    unavailable => Unavailable,
}
