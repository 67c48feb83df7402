//! What can go wrong: a login refused, a password hash or a pattern that cannot be used.

/// Why a login was refused. Doors answer all of them alike; only the log tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unknown user, wrong password, or a user without a password.
    #[error("invalid credentials")]
    BadCredentials,
    /// An empty password; never accepted, whatever is stored.
    #[error("blank password")]
    BlankPassword,
    /// The user may connect from this host only, and the peer is another one.
    #[error("user may connect from the loopback interface only")]
    LoopbackOnly,
    /// Longer than [`crate::login::PASSWORD_BYTES_MAX`].
    #[error("password longer than {} bytes", crate::login::PASSWORD_BYTES_MAX)]
    PasswordTooLong,
}

/// Why a stored or imported password hash cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The text is not base64 or not one of our own hash strings.
    #[error("password hash is malformed: {0}")]
    Malformed(&'static str),
    /// Right alphabet, wrong number of bytes.
    #[error("password hash of {algorithm} has {actual} bytes, expected {expected}")]
    Length {
        /// Name as definitions files give it.
        algorithm: &'static str,
        /// Bytes found after decoding.
        actual: usize,
        /// Bytes this algorithm has: salt and digest.
        expected: usize,
    },
    /// MD5, or a name nobody knows.
    #[error(
        "password hashing algorithm '{0}' is not supported; set the user's password again, or export the user with rabbit_password_hashing_sha256"
    )]
    UnsupportedAlgorithm(String),
    /// The work factors are out of the range this broker is willing to compute.
    #[error("password hash asks for too much work: {0}")]
    Work(String),
}

/// Why a permission or policy pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than [`crate::PATTERN_BYTES_MAX`].
    #[error("pattern of {0} bytes is longer than {max}", max = crate::PATTERN_BYTES_MAX)]
    TooLong(usize),
    /// Not a regular expression, or one that needs backtracking (look-around, back-references).
    #[error("invalid pattern '{pattern}': {reason}")]
    Invalid {
        /// The pattern as it was given.
        pattern: String,
        /// What the compiler says about it, in one line.
        reason: String,
    },
}
