//! Why settings are refused.

/// What a client wrote, as far as it is repeated: it is shown and logged, and need not be as long as a request can be.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 256;
    text.chars().take(CHARS_MAX).collect()
}

/// Why the settings of a topic are refused. The wording is Kafka's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nobody knows the setting.
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    /// It is set to nothing.
    #[error("Null value not supported for topic configs: {0}")]
    Null(String),
    /// It cannot have that value.
    #[error("Invalid value {value} for configuration {name}: {fault}")]
    Value {
        /// The setting.
        name: &'static str,
        /// As written.
        value: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Two settings do not go together.
    #[error("conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})")]
    LagsCross {
        /// The shortest lag, ms.
        min: u64,
        /// The longest lag, ms.
        max: u64,
    },
    /// Settings of the broker that stand in its configuration file, or that nobody knows; some of their names.
    #[error("Cannot update these configs dynamically: Set({0})")]
    NotDynamic(String),
    /// Nothing can be kept for no time as a rule.
    #[error("requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1")]
    NoRetention,
}

impl ConfigError {
    /// That nobody knows this setting.
    pub fn unknown(name: &str) -> ConfigError {
        ConfigError::Unknown(shown(name))
    }

    /// That clients cannot set these of the broker.
    pub fn not_dynamic(names: &[&str]) -> ConfigError {
        const NAMES_MAX: usize = 20;
        let names: Vec<String> = names.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
        ConfigError::NotDynamic(names.join(", "))
    }

    /// That this setting is set to nothing.
    pub fn null(name: &str) -> ConfigError {
        ConfigError::Null(shown(name))
    }
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither true nor false.
    #[error("Expected value to be either true or false")]
    NotBoolean,
    /// Not a number that the type holds.
    #[error("Not a number of type {0}")]
    NotANumber(&'static str),
    /// Below the smallest.
    #[error("Value must be at least {0}")]
    AtLeast(i64),
    /// Above the largest.
    #[error("Value must be no more than {0}")]
    AtMost(i64),
    /// No level of gzip.
    #[error("Value must be between 1 and 9 or equal to -1")]
    NotAGzipLevel,
    /// None of the words.
    #[error("String must be one of: {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    /// No list of replicas.
    #[error(
        "must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    )]
    NotReplicas,
    /// Longer than a value can be.
    #[error("Value must have no more than {0} bytes")]
    TooLong(usize),
    /// Valid, but not done here.
    #[error("not supported: {0}")]
    NotDone(&'static str),
}
