//! What clients hear when something is wrong: the hall's kinds as error codes.

use anymq_broker::transactions::TxnFault;
use anymq_broker::{Error, ErrorKind};

use crate::wire::ErrorCode;

/// The code of each kind of the hall's errors, of an operation on a topic.
#[deny(clippy::wildcard_enum_match_arm)]
pub(crate) fn topic_error(kind: ErrorKind) -> ErrorCode {
    match kind {
        ErrorKind::NotFound => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorKind::Conflict => ErrorCode::TOPIC_ALREADY_EXISTS,
        ErrorKind::Invalid => ErrorCode::INVALID_REQUEST,
        ErrorKind::Forbidden | ErrorKind::Locked => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ErrorKind::NotAllowed => ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        ErrorKind::TooLarge => ErrorCode::MESSAGE_TOO_LARGE,
        ErrorKind::InUse | ErrorKind::Exhausted => ErrorCode::POLICY_VIOLATION,
        ErrorKind::NotImplemented => ErrorCode::INVALID_REQUEST,
        ErrorKind::Unavailable | ErrorKind::Corrupt => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

#[allow(dead_code, reason = "for operations on topics")]
/// The code and the sentence of an error of an operation on a topic.
pub(crate) fn of_topic(error: &Error) -> (ErrorCode, String) {
    (topic_error(error.kind), error.text.clone())
}

/// The code of what is wrong with a transaction. Old clients do not know that they can be fenced.
pub(crate) fn txn_error(fault: TxnFault, knows_fenced: bool) -> ErrorCode {
    match fault {
        TxnFault::Fenced if knows_fenced => ErrorCode::PRODUCER_FENCED,
        TxnFault::Fenced => ErrorCode::INVALID_PRODUCER_EPOCH,
        TxnFault::NotThisProducer => ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        TxnFault::State(_) => ErrorCode::INVALID_TXN_STATE,
        TxnFault::Timeout(_) => ErrorCode::INVALID_TRANSACTION_TIMEOUT,
        TxnFault::Forbidden => ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        TxnFault::NoPartition(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        TxnFault::Exhausted => ErrorCode::POLICY_VIOLATION,
    }
}
