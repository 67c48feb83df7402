//! What clients hear when something is wrong: the hall's kinds as error codes.

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

/// The code and the sentence of an error of an operation on a topic.
pub(crate) fn of_topic(error: &Error) -> (ErrorCode, String) {
    (topic_error(error.kind), error.text.clone())
}
