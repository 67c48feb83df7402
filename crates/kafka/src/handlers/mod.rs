//! The table of operations: what a client may ask, in which versions, how far it is supported, and who answers.
//! Dispatch, what `ApiVersions` offers and docs/protocols/kafka.md are made from it.
//!
//! The ranges are those of Kafka 4.2. A client takes the set for one release of Kafka and infers from it what else the
//! server can do, so that the last versions must not be a mixture; 4.2 is the first release in which share groups are
//! meant for production. Two ranges begin earlier than Kafka's: `ListOffsets` 0, which kafkajs still speaks, and
//! `Produce` 0, which Kafka offers too and refuses.
//!
//! # Handlers
//!
//! A handler is `fn(&mut Cx<'_>, SomeRequest<'_>) -> Reply` in a file named as the operation. It is synchronous and short:
//! it decodes nothing (the request is read in place), makes one call of `cx.hall` and turns what that says into a response.
//!
//! * The answer is there: [`Cx::reply`](crate::session::Cx::reply).
//! * The answer says that something is stored: `cx.reply_when(done.commit, &response)`; it leaves when that is on disk.
//! * The answer depends on what is still to happen: `cx.park(waiting, Some(deadline))`, with a
//!   [`Parked`](crate::session::Parked) that owns what it needs (nothing of the request outlives the call). It is asked
//!   again (`poll`) with the hall's event that carries `cx.head.token` (add the event to `token_of` in `session`), with
//!   `Wake::Signal` after anything else that woke the connection's outbox, and with `Wake::Deadline` once. What
//!   it needs of the request's header it finds in `cx.head`, which is then that of its own request.
//! * There is none: `Reply::Nothing` (acks 0), `Reply::Close` (the connection ends, as Kafka's does).
//!
//! Responses leave in the order of the requests by themselves. A request of 100 MiB has room for ten million elements, and
//! an answer takes more memory for each than the request did: one that names more than [`ELEMENTS_MAX`] is refused.
//!
//! To add one: a `mod` line, and in `operations!` its row as `Api => file::function, Status;`. A row without `=>` has no
//! handler, must be `Hidden`, and closes the connection of who asks.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use crate::session::{Cx, Reply};
use crate::wire::{ApiKey, Request};

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_broker_configs;
mod alter_client_quotas;
mod alter_configs;
mod alter_group_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod alter_share_group_offsets;
mod alter_user_scram_credentials;
pub(crate) mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_acls;
mod create_partitions;
mod create_topics;
mod delegation_tokens;
mod delete_acls;
mod delete_groups;
mod delete_records;
mod delete_share_group_offsets;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_share_group_offsets;
mod describe_topic_partitions;
mod describe_transactions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod end_txn;
mod fetch;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod known;
mod leave_group;
mod limits;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
pub(crate) mod sasl_authenticate;
pub(crate) mod sasl_handshake;
mod share;
mod share_acknowledge;
mod share_fetch;
mod share_group_describe;
mod share_group_heartbeat;
mod sync_group;
mod txn_offset_commit;
mod update_features;
mod write_txn_markers;

/// From this version of the operations on transactions, a fenced producer hears so; before, that its epoch is wrong.
const FENCED_FROM: i16 = 2;

/// Most partitions, topics, groups or other things that one request may name; the connection of who names more is closed.
pub(crate) const ELEMENTS_MAX: usize = 100_000;

/// How far an operation is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As Kafka does it.
    Full,
    /// As far as said.
    Partial(&'static str),
    /// Refused, with the error said.
    Refused(&'static str),
    /// Not offered to clients.
    Hidden(&'static str),
}

use Status::{Full, Hidden, Partial, Refused};

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The api.
    pub api: ApiKey,
    /// How far it is supported.
    pub status: Status,
    /// Whether anybody answers it.
    has_handler: bool,
}

impl Operation {
    /// Versions that `ApiVersions` offers; `None` if it does not name the api.
    pub fn offered(&self) -> Option<RangeInclusive<i16>> {
        match self.status {
            Full | Partial(_) | Refused(_) => Some(self.api.decodes()),
            Hidden(_) => None,
        }
    }
}

macro_rules! operations {
    ($($Api:ident $(=> $module:ident::$handler:ident)?, $status:expr;)*) => {
        const OPERATIONS: &[Operation] = &[$(Operation {
            api: ApiKey::$Api,
            status: $status,
            has_handler: has_handler!($($handler)?),
        },)*];

        /// Calls the handler of a request.
        pub(crate) fn dispatch(cx: &mut Cx<'_>, request: Request<'_>) -> Reply {
            match request {
                $($(Request::$Api(request) => $module::$handler(cx, request),)?)*
                // Not offered.
                _ => Reply::Close,
            }
        }
    };
}

macro_rules! has_handler {
    () => {
        false
    };
    ($handler:ident) => {
        true
    };
}

const ONE_NODE: &str = "there is one node, which leads every partition";
const NO_TOKENS: &str = "61: there are no delegation tokens";
const QUOTAS: &str = "of users and client ids; none of connections by address";
const SETTINGS: &str = "topics, groups, and what the broker has for topics that set nothing; everything else is set in the configuration file";

operations! {
    Produce => produce::produce, Partial("versions 0 to 2 are offered and refused, as by Kafka: clients conclude from them which compression they may use");
    Fetch => fetch::fetch, Partial("no fetch sessions: every fetch names its partitions");
    ListOffsets => list_offsets::list_offsets, Full;
    Metadata => metadata::metadata, Full;
    OffsetCommit => offset_commit::offset_commit, Full;
    OffsetFetch => offset_fetch::offset_fetch, Full;
    FindCoordinator => find_coordinator::find_coordinator, Full;
    JoinGroup => join_group::join_group, Full;
    Heartbeat => heartbeat::heartbeat, Full;
    LeaveGroup => leave_group::leave_group, Full;
    SyncGroup => sync_group::sync_group, Full;
    DescribeGroups => describe_groups::describe_groups, Full;
    ListGroups => list_groups::list_groups, Full;
    SaslHandshake => sasl_handshake::sasl_handshake, Full;
    ApiVersions => api_versions::api_versions, Full;
    CreateTopics => create_topics::create_topics, Full;
    DeleteTopics => delete_topics::delete_topics, Full;
    DeleteRecords => delete_records::delete_records, Full;
    InitProducerId => init_producer_id::init_producer_id, Full;
    OffsetForLeaderEpoch => offset_for_leader_epoch::offset_for_leader_epoch, Full;
    AddPartitionsToTxn => add_partitions_to_txn::add_partitions_to_txn, Partial("versions 4 and 5, which brokers speak among themselves, are refused: 31");
    AddOffsetsToTxn => add_offsets_to_txn::add_offsets_to_txn, Full;
    EndTxn => end_txn::end_txn, Full;
    WriteTxnMarkers => write_txn_markers::write_txn_markers, Partial("an operator's abort, which is that of the whole transaction; commits, which brokers speak among themselves, are refused: 31");
    TxnOffsetCommit => txn_offset_commit::txn_offset_commit, Full;
    DescribeAcls => describe_acls::describe_acls, Full;
    CreateAcls => create_acls::create_acls, Full;
    DeleteAcls => delete_acls::delete_acls, Full;
    DescribeConfigs => describe_configs::describe_configs, Partial("topics, groups and the broker; groups of stream processors have no settings");
    AlterConfigs => alter_configs::alter_configs, Partial(SETTINGS);
    AlterReplicaLogDirs => alter_replica_log_dirs::alter_replica_log_dirs, Refused("57: there is one log directory");
    DescribeLogDirs => describe_log_dirs::describe_log_dirs, Full;
    SaslAuthenticate => sasl_authenticate::sasl_authenticate, Full;
    CreatePartitions => create_partitions::create_partitions, Full;
    CreateDelegationToken => delegation_tokens::create, Refused(NO_TOKENS);
    RenewDelegationToken => delegation_tokens::renew, Refused(NO_TOKENS);
    ExpireDelegationToken => delegation_tokens::expire, Refused(NO_TOKENS);
    DescribeDelegationToken => delegation_tokens::describe, Refused(NO_TOKENS);
    DeleteGroups => delete_groups::delete_groups, Full;
    ElectLeaders => elect_leaders::elect_leaders, Partial(ONE_NODE);
    IncrementalAlterConfigs => incremental_alter_configs::incremental_alter_configs, Partial(SETTINGS);
    AlterPartitionReassignments => alter_partition_reassignments::alter_partition_reassignments, Partial(ONE_NODE);
    ListPartitionReassignments => list_partition_reassignments::list_partition_reassignments, Partial(ONE_NODE);
    OffsetDelete => offset_delete::offset_delete, Full;
    DescribeClientQuotas => describe_client_quotas::describe_client_quotas, Partial(QUOTAS);
    AlterClientQuotas => alter_client_quotas::alter_client_quotas, Partial(QUOTAS);
    DescribeUserScramCredentials => describe_user_scram_credentials::describe_user_scram_credentials, Full;
    AlterUserScramCredentials => alter_user_scram_credentials::alter_user_scram_credentials, Full;
    DescribeQuorum => describe_quorum::describe_quorum, Partial(ONE_NODE);
    UpdateFeatures => update_features::update_features, Partial("features are those of the release");
    DescribeCluster => describe_cluster::describe_cluster, Full;
    DescribeProducers => describe_producers::describe_producers, Full;
    DescribeTransactions => describe_transactions::describe_transactions, Full;
    ListTransactions => list_transactions::list_transactions, Full;
    ConsumerGroupHeartbeat => consumer_group_heartbeat::consumer_group_heartbeat, Full;
    ConsumerGroupDescribe => consumer_group_describe::consumer_group_describe, Full;
    ListConfigResources => list_config_resources::list_config_resources, Full;
    DescribeTopicPartitions => describe_topic_partitions::describe_topic_partitions, Full;
    ShareGroupHeartbeat => share_group_heartbeat::share_group_heartbeat, Full;
    ShareGroupDescribe => share_group_describe::share_group_describe, Full;
    ShareFetch => share_fetch::share_fetch, Partial("answers as soon as there is a record, whatever the least number of bytes");
    ShareAcknowledge => share_acknowledge::share_acknowledge, Full;
    StreamsGroupHeartbeat, Hidden("stream processors use classic groups");
    StreamsGroupDescribe, Hidden("stream processors use classic groups");
    DescribeShareGroupOffsets => describe_share_group_offsets::describe_share_group_offsets, Full;
    AlterShareGroupOffsets => alter_share_group_offsets::alter_share_group_offsets, Full;
    DeleteShareGroupOffsets => delete_share_group_offsets::delete_share_group_offsets, Full;
}

/// Every operation, in the order of the keys.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter()
}

/// docs/protocols/kafka.md: which operations are supported, in which versions, and how far.
pub fn compatibility_markdown() -> String {
    let mut page = String::from(
        "<!-- Generated from the handler table of crates/kafka. Do not edit. -->\n\
         # Kafka: supported operations\n\n\
         Every operation a client can ask for, with the versions that are offered: those of Kafka 4.2, and what older \
         clients speak. *Full* means: as Kafka 4.2 answers it.\n\n\
         | operation | key | versions | flexible from | status | notes |\n|---|---|---|---|---|---|\n",
    );
    for row in operations() {
        let (status, note) = match row.status {
            Full => ("full", ""),
            Partial(note) => ("partial", note),
            Refused(note) => ("refused", note),
            Hidden(note) => ("not offered", note),
        };
        let versions = row.offered().map_or("-".to_owned(), |range| match range.into_inner() {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        });
        let flexible = match row.api.flexible_from() {
            i16::MAX => "-".to_owned(),
            version => version.to_string(),
        };
        let (name, key) = (row.api.name(), row.api.code());
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{name}` | {key} | {versions} | {flexible} | {status} | {note} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_is_in_the_table_once_in_order() {
        let rows: Vec<_> = operations().map(|row| row.api).collect();
        assert_eq!(rows, ApiKey::ALL);
        assert!(rows.is_sorted());
        for &api in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(api.code()), Some(api));
            let versions = api.decodes();
            assert!(0 <= *versions.start() && versions.start() <= versions.end(), "{api:?}");
        }
    }

    /// What clients read the release from, by librdkafka's, kafka-python's and franz-go's tables.
    #[test]
    fn the_last_versions_are_those_of_one_release() {
        for (api, version) in [
            (ApiKey::Produce, 13),
            (ApiKey::Fetch, 18),
            (ApiKey::ListOffsets, 11),
            (ApiKey::Metadata, 13),
            (ApiKey::OffsetCommit, 10),
            (ApiKey::OffsetFetch, 10),
            (ApiKey::FindCoordinator, 6),
            (ApiKey::InitProducerId, 5),
            (ApiKey::ListTransactions, 2),
            (ApiKey::DescribeLogDirs, 4),
            (ApiKey::ShareFetch, 2),
            (ApiKey::ShareAcknowledge, 2),
        ] {
            assert_eq!(*api.decodes().end(), version, "{api:?}");
        }
        assert_eq!(ApiKey::Produce.decodes(), 0..=13);
    }

    #[test]
    fn what_is_offered_has_a_handler() {
        for row in operations() {
            assert_eq!(row.offered().is_some(), row.has_handler, "{:?}", row.api);
        }
    }

    #[test]
    fn the_page_has_a_row_for_each() {
        let page = compatibility_markdown();
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), operations().count());
        assert!(page.contains("| `FindCoordinator` | 10 | 0-6 | 3 | full |  |"));
        assert!(page.contains("| `SaslHandshake` | 17 | 0-1 | - | full |  |"));
        assert!(page.contains("| `StreamsGroupDescribe` | 89 | - | 0 | not offered |"));
    }
}
