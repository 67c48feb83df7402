//! One delivery in somebody's hands.

use anymq_types::{ConsumerId, Millis};

use crate::api::HolderId;

/// A message that was delivered and is not settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub(crate) consumer: ConsumerId,
    pub(crate) holder: HolderId,
    /// Body bytes.
    pub(crate) bytes: u32,
    /// Deliveries before this one that count.
    pub(crate) attempts: u32,
    /// It counts against its holder's limit; fetched messages do not.
    pub(crate) limited: bool,
    /// Its level, where the queue has priorities.
    pub(crate) level: u8,
    /// When it ends by itself.
    pub(crate) deadline: Option<Millis>,
}
