//! Why a token or a key is not taken.

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`super::TOKEN_BYTES_MAX`].
    #[error("token longer than {} bytes", super::TOKEN_BYTES_MAX)]
    TooLong,
    /// Not a signed JWT whose claims are an object.
    #[error("token is not a signed JWT")]
    Malformed,
    /// Header fields that must be understood (`crit`) and are not.
    #[error("token has critical header fields that are not understood")]
    Critical,
    /// Not on the list of the configuration, or not one for this key.
    #[error("token is signed with {0}, which is not allowed for its key")]
    Algorithm(String),
    /// Names no key, and there is no key for such tokens.
    #[error("token names no key, and there is no default key")]
    NoKey,
    /// No key has this id.
    #[error("token is signed with the unknown key '{0}'")]
    UnknownKey(String),
    /// The signature does not verify.
    #[error("token signature is invalid")]
    Signature,
    /// Not made for this server.
    #[error("token is for another audience than '{0}'")]
    Audience(String),
    /// `exp` is in the past; both in seconds since 1970.
    #[error("token has expired at timestamp {at} (validated at {now})")]
    Expired {
        /// When.
        at: u64,
        /// Now.
        now: u64,
    },
    /// `exp` is required and missing.
    #[error("token has no exp claim")]
    NoExpiry,
    /// `nbf` is in the future.
    #[error("token is not valid yet")]
    NotYet,
    /// A claim that must be looked at has another type, or is too long.
    #[error("token has an unusable {0} claim")]
    Claim(&'static str),
    /// Another user's token in place of the present one.
    #[error("token names another user than the one it replaces")]
    AnotherUser,
}

/// Why keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a PEM public key of a kind that signs tokens.
    #[error("it is not an RSA, EC (P-256, P-384) or Ed25519 public key in PEM form")]
    NotPem,
    /// Shorter than [`super::SECRET_BYTES_MIN`].
    #[error("the secret has {0} bytes, {min} are the least", min = super::SECRET_BYTES_MIN)]
    ShortSecret(usize),
    /// Not an object with a list of `keys`.
    #[error("it is not a JSON Web Key Set")]
    NotJwks,
    /// Longer than [`super::JWKS_BYTES_MAX`].
    #[error("the key set has more than {} bytes", super::JWKS_BYTES_MAX)]
    TooLong,
    /// Nothing in it verifies tokens.
    #[error("none of the {0} keys in it is one that verifies tokens")]
    NoneUsable(usize),
}
