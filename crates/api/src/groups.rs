//! Consumer groups: their members, how far they have read, and setting that anew.

use serde::{Deserialize, Serialize};

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Vhost.
    pub vhost: String,
    /// Name.
    pub name: String,
    /// `classic`: a member assigns partitions; `consumer`: the broker does; `share`: members share them.
    pub kind: String,
    /// `empty`, `preparing_rebalance`, `completing_rebalance`, `stable`, `assigning`, `reconciling`.
    pub state: String,
    /// Type of its protocol; empty if it never had a member.
    pub protocol_type: String,
    /// How partitions are assigned; empty while nobody says so.
    pub protocol: String,
    /// How many members.
    pub members: u64,
    /// In how many partitions it has committed an offset.
    pub partitions: u64,
    /// Offsets that it has not read, of all partitions.
    pub lag: u64,
    /// How long the oldest message has been there that it has not read.
    pub lag_ms: u64,
    /// Its members; in a list of groups left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub member_detail: Vec<Member>,
    /// How far it has read; in a list of groups left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<GroupOffset>,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its static name.
    pub instance: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// Its partitions.
    pub assigned: Vec<TopicPart>,
}

/// Partitions of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicPart {
    /// The topic.
    pub topic: String,
    /// Numbers of its partitions; where they are asked for, none stands for all.
    pub partitions: Vec<u32>,
}

/// How far a group has read a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupOffset {
    /// Topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: u32,
    /// The next offset that the group wants.
    pub committed: u64,
    /// First offset that is kept.
    pub first_offset: u64,
    /// Offset before which no transaction is open.
    pub stable_offset: u64,
    /// Offset of the next message.
    pub next_offset: u64,
    /// Offsets between `committed` and `next_offset`.
    pub lag: u64,
    /// Offsets between `committed` and `stable_offset`: what a reader of committed messages can still get.
    pub stable_lag: u64,
    /// How long the first message has been there that the group has not read; 0: there is none. Exact while that message is in
    /// memory, else it is at least that old.
    pub lag_ms: u64,
}

/// Body of setting a group's offsets anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetOffsets {
    /// Where to.
    pub to: ResetTo,
    /// Of which partitions; empty: of all in which the group has committed an offset.
    #[serde(default)]
    pub of: Vec<TopicPart>,
    /// Do it. Otherwise it is only said what would be done.
    #[serde(default)]
    pub execute: bool,
}

/// Where a group's offsets are set to. What is before the first offset becomes the first, what is after the next the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetTo {
    /// The first offset that is kept.
    Earliest,
    /// The next offset.
    Latest,
    /// This one.
    Offset(u64),
    /// The first message published then or later, in milliseconds since the Unix epoch; the next offset if there is none.
    At(u64),
    /// The same for a time so many milliseconds ago.
    BackMs(u64),
    /// So many further than now, or back.
    Shift(i64),
}

/// What setting offsets anew does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResetPlan {
    /// It was done.
    pub executed: bool,
    /// By topic and partition.
    pub offsets: Vec<OffsetChange>,
}

/// One partition's offset, set anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OffsetChange {
    /// Topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: u32,
    /// What was committed, if anything.
    pub before: Option<u64>,
    /// What is committed instead.
    pub after: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_reads_as_one_word_or_one_pair() {
        let cases = [
            (r#""earliest""#, ResetTo::Earliest),
            (r#""latest""#, ResetTo::Latest),
            (r#"{"offset":5}"#, ResetTo::Offset(5)),
            (r#"{"at":1700000000000}"#, ResetTo::At(1_700_000_000_000)),
            (r#"{"back_ms":60000}"#, ResetTo::BackMs(60_000)),
            (r#"{"shift":-3}"#, ResetTo::Shift(-3)),
        ];
        for (text, to) in cases {
            assert_eq!(serde_json::to_string(&to).expect("plain data"), text);
            assert_eq!(serde_json::from_str::<ResetTo>(text).expect(text), to);
        }
        assert!(serde_json::from_str::<ResetTo>(r#"{"offset":-1}"#).is_err());
        assert!(serde_json::from_str::<ResetOffsets>(r#"{"to":"latest","excute":true}"#).is_err());
    }
}
