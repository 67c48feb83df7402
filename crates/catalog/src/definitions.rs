//! `definitions.json`: RabbitMQ's file of everything that is declared, in its 3.x and 4.x forms, of a whole broker or of
//! one vhost.
//!
//! [`Definitions`] reads and checks all of a file before it gives back a single change; [`export`] writes one. What exists is
//! kept: a queue or exchange of a name that is taken is left as it is, as RabbitMQ does. Numbers in arguments have no
//! width in JSON; they become 64-bit integers and doubles.

mod export;
mod file;
mod import;
mod json;

pub use export::{export, export_vhost};
pub use import::{Definitions, Import, Imported, import};
pub use json::{from_table, to_table};

/// Largest file read, in bytes.
pub const FILE_BYTES_MAX: usize = 256 << 20;
/// Most items (users, queues, bindings, ...) in a file.
pub const ITEMS_MAX: usize = 2_000_000;
/// Most values in the arguments or definition of one item.
pub const VALUES_MAX: u32 = 10_000;

/// Most passwords in the clear in a file: hashing one takes tens of milliseconds.
pub const PASSWORDS_MAX: usize = 1_000;

/// Why a file cannot be imported. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionsError {
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("definitions of {0} bytes are larger than {FILE_BYTES_MAX}")]
    TooLarge(usize),
    /// Not JSON, or not of the right shape; names place and line.
    #[error("definitions cannot be read: {0}")]
    Shape(String),
    /// An item that is not valid.
    #[error("{path}: {problem}")]
    Item {
        /// `queues[3].arguments`
        path: String,
        /// What is wrong, in the words a client declaring it would get.
        problem: String,
    },
}

#[cfg(test)]
mod tests;
