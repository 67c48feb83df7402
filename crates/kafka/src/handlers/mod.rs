//! The table of operations: what a client may ask, in which versions, and how far it is supported. What
//! `ApiVersions` offers and docs/protocols/kafka.md are made from it.
//!
//! The ranges are those of Kafka 4.2. A client takes the set for one release of Kafka and infers from it what else the
//! server can do, so that the last versions must not be a mixture; 4.2 is the first release in which share groups are
//! meant for production. Two ranges begin earlier than Kafka's: `ListOffsets` 0, which kafkajs still speaks, and
//! `Produce` 0, which Kafka offers too and refuses.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use crate::wire::ApiKey;

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
    ($($Api:ident: $status:expr;)*) => {
        const OPERATIONS: &[Operation] = &[$(Operation { api: ApiKey::$Api, status: $status },)*];
    };
}

const ONE_NODE: &str = "there is one node, which leads every partition";
const NO_TOKENS: &str = "61: there are no delegation tokens";

operations! {
    Produce: Partial("versions 0 to 2 are offered and refused, as by Kafka: clients conclude from them which compression they may use");
    Fetch: Partial("no fetch sessions: every fetch names its partitions");
    ListOffsets: Full;
    Metadata: Full;
    OffsetCommit: Full;
    OffsetFetch: Full;
    FindCoordinator: Full;
    JoinGroup: Full;
    Heartbeat: Full;
    LeaveGroup: Full;
    SyncGroup: Full;
    DescribeGroups: Full;
    ListGroups: Full;
    SaslHandshake: Full;
    ApiVersions: Full;
    CreateTopics: Full;
    DeleteTopics: Full;
    DeleteRecords: Full;
    InitProducerId: Full;
    OffsetForLeaderEpoch: Full;
    AddPartitionsToTxn: Full;
    AddOffsetsToTxn: Full;
    EndTxn: Full;
    TxnOffsetCommit: Full;
    DescribeAcls: Full;
    CreateAcls: Full;
    DeleteAcls: Full;
    DescribeConfigs: Full;
    AlterConfigs: Full;
    AlterReplicaLogDirs: Refused("57: there is one log directory");
    DescribeLogDirs: Full;
    SaslAuthenticate: Full;
    CreatePartitions: Full;
    CreateDelegationToken: Refused(NO_TOKENS);
    RenewDelegationToken: Refused(NO_TOKENS);
    ExpireDelegationToken: Refused(NO_TOKENS);
    DescribeDelegationToken: Refused(NO_TOKENS);
    DeleteGroups: Full;
    ElectLeaders: Partial(ONE_NODE);
    IncrementalAlterConfigs: Full;
    AlterPartitionReassignments: Partial(ONE_NODE);
    ListPartitionReassignments: Partial(ONE_NODE);
    OffsetDelete: Full;
    DescribeClientQuotas: Full;
    AlterClientQuotas: Full;
    DescribeUserScramCredentials: Full;
    AlterUserScramCredentials: Full;
    DescribeQuorum: Partial(ONE_NODE);
    UpdateFeatures: Partial("features are those of the release");
    DescribeCluster: Full;
    DescribeProducers: Full;
    DescribeTransactions: Full;
    ListTransactions: Full;
    ConsumerGroupHeartbeat: Full;
    ConsumerGroupDescribe: Full;
    ListConfigResources: Full;
    DescribeTopicPartitions: Full;
    ShareGroupHeartbeat: Full;
    ShareGroupDescribe: Full;
    ShareFetch: Full;
    ShareAcknowledge: Full;
    StreamsGroupHeartbeat: Hidden("stream processors use classic groups");
    StreamsGroupDescribe: Hidden("stream processors use classic groups");
    DescribeShareGroupOffsets: Full;
    AlterShareGroupOffsets: Full;
    DeleteShareGroupOffsets: Full;
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
        let last = |api: ApiKey| {
            let row = operations().find(|row| row.api == api).expect("in the table");
            row.offered().map(|range| *range.end())
        };
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
            assert_eq!(last(api), Some(version), "{api:?}");
        }
        assert_eq!(last(ApiKey::StreamsGroupHeartbeat), None);
        assert_eq!(
            operations().find(|row| row.api == ApiKey::Produce).and_then(Operation::offered),
            Some(0..=13)
        );
    }

    #[test]
    fn the_page_has_a_row_for_each() {
        let page = compatibility_markdown();
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), operations().count());
        assert!(page.contains("| `Metadata` | 3 | 0-13 | 9 | full |  |"));
        assert!(page.contains("| `SaslHandshake` | 17 | 0-1 | - | full |  |"));
        assert!(page.contains("| `ListPartitionReassignments` | 46 | 0 | 0 | partial |"));
        assert!(page.contains("| `StreamsGroupDescribe` | 89 | - | 0 | not offered |"));
    }
}
