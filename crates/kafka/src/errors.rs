//! What clients hear when something is wrong: the hall's kinds as error codes.

use anymq_broker::transactions::TxnFault;
use anymq_broker::{Error, ErrorKind, GroupFault};

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

/// The code of each reason for which a group refuses. Topics that are named by id have a code of their own; see
/// [`partition_error`].
pub(crate) fn group_error(fault: &GroupFault) -> ErrorCode {
    match fault {
        GroupFault::InvalidName => ErrorCode::INVALID_GROUP_ID,
        GroupFault::Forbidden => ErrorCode::GROUP_AUTHORIZATION_FAILED,
        GroupFault::NotFound => ErrorCode::GROUP_ID_NOT_FOUND,
        GroupFault::UnknownMember => ErrorCode::UNKNOWN_MEMBER_ID,
        GroupFault::IllegalGeneration => ErrorCode::ILLEGAL_GENERATION,
        GroupFault::RebalanceInProgress => ErrorCode::REBALANCE_IN_PROGRESS,
        GroupFault::InconsistentProtocol => ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        GroupFault::InvalidSessionTimeout => ErrorCode::INVALID_SESSION_TIMEOUT,
        GroupFault::MemberIdRequired => ErrorCode::MEMBER_ID_REQUIRED,
        GroupFault::Full => ErrorCode::GROUP_MAX_SIZE_REACHED,
        GroupFault::FencedInstance => ErrorCode::FENCED_INSTANCE_ID,
        GroupFault::UnreleasedInstance => ErrorCode::UNRELEASED_INSTANCE_ID,
        GroupFault::FencedEpoch => ErrorCode::FENCED_MEMBER_EPOCH,
        GroupFault::StaleEpoch => ErrorCode::STALE_MEMBER_EPOCH,
        GroupFault::UnsupportedAssignor => ErrorCode::UNSUPPORTED_ASSIGNOR,
        GroupFault::Invalid(_) => ErrorCode::INVALID_REQUEST,
        GroupFault::InvalidPattern(_) => ErrorCode::INVALID_REGULAR_EXPRESSION,
        GroupFault::UnsupportedVersion => ErrorCode::UNSUPPORTED_VERSION,
        GroupFault::Unstable => ErrorCode::UNSTABLE_OFFSET_COMMIT,
        GroupFault::NotEmpty => ErrorCode::NON_EMPTY_GROUP,
        GroupFault::Subscribed => ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
        GroupFault::MetadataTooLarge => ErrorCode::OFFSET_METADATA_TOO_LARGE,
        GroupFault::NoTopic | GroupFault::NoPartition => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        GroupFault::TopicForbidden => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        // What Kafka's own log would not take.
        GroupFault::TooLarge => ErrorCode::UNKNOWN_SERVER_ERROR,
    }
}

/// The code of what became of a partition.
pub(crate) fn partition_error<T>(result: &Result<T, GroupFault>, by_id: bool) -> ErrorCode {
    match result {
        Ok(_) => ErrorCode::NONE,
        Err(GroupFault::NoTopic) if by_id => ErrorCode::UNKNOWN_TOPIC_ID,
        Err(GroupFault::TooLarge) => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
        Err(fault) => group_error(fault),
    }
}
