//! Class 90, `tx`.

use super::{Encode, WireError, encode_method, read_bits, write_bits};

methods! { 90:
    /// Client: makes the channel transactional.
    10 "tx.select" Select {} [] {};
    /// Server: it is.
    11 "tx.select-ok" SelectOk {} [] {};
    /// Client: commit.
    20 "tx.commit" Commit {} [] {};
    /// Server: committed.
    21 "tx.commit-ok" CommitOk {} [] {};
    /// Client: roll back.
    30 "tx.rollback" Rollback {} [] {};
    /// Server: rolled back.
    31 "tx.rollback-ok" RollbackOk {} [] {};
}
