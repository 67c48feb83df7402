//! Why a policy is refused.

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The pattern cannot be used.
    #[error(transparent)]
    Pattern(#[from] anymq_auth::PatternError),
    /// Nothing is set.
    #[error("no policy provided")]
    Empty,
    /// Nobody knows the key, or it may not stand in an operator policy.
    #[error("[{{<<\"{0}\">>,{1}}}] are not recognised policy settings")]
    UnknownKey(String, String),
    /// The value is not acceptable.
    #[error("{value} is not a valid {what}")]
    Value {
        /// The value as JSON.
        value: String,
        /// What the key means.
        what: &'static str,
    },
}
