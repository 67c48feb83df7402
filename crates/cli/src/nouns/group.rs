//! `anymq group …`

use anymq_api::{
    Group, GroupOffset, Member, OffsetChange, Problem, ResetOffsets, ResetPlan, ResetTo, TopicPart, codes,
    paths,
};
use clap::{Args, Subcommand};

use super::{ListArgs, VhostArg, count};
use crate::output::{Row, short, span};
use crate::{Consent, Cx, Result, when};

/// What can be done with groups.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List groups.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a group, its members and how far it has read.
    #[command(alias = "info")]
    Describe {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
    },
    /// How far a group is behind, by partition; without a name all groups, the one furthest behind first.
    Lag {
        /// Name.
        name: Option<String>,
        #[command(flatten)]
        vhost: VhostArg,
    },
    /// Have a group without members go on elsewhere: shows the plan, then asks.
    ResetOffsets {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        #[command(flatten)]
        to: To,
        /// Only this topic, or these partitions of it, as orders or orders:0,1; may be given several times.
        #[arg(long = "topic", value_name = "TOPIC[:PARTITIONS]")]
        topics: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Delete a group without members, and what it has committed.
    #[command(alias = "rm")]
    Delete {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Where to; one of them. Offsets that are not there become the first or the next one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct To {
    /// To the first message that is kept.
    #[arg(long)]
    to_earliest: bool,
    /// Behind the last message.
    #[arg(long)]
    to_latest: bool,
    /// To this offset.
    #[arg(long, value_name = "OFFSET")]
    to_offset: Option<u64>,
    /// To the first message published then or later, as 2026-11-22T10:30:00Z.
    #[arg(long, value_name = "TIME")]
    to_time: Option<String>,
    /// To the first message published so long ago or later, as 30m, 2h or 7d.
    #[arg(long, value_name = "DURATION")]
    back: Option<String>,
    /// So many messages further, or back, as -100.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    shift: Option<i64>,
}

impl Row for Group {
    const TITLES: &'static [&'static str] =
        &["vhost", "name", "kind", "state", ">members", ">partitions", ">lag", ">behind"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.vhost.clone(),
            self.name.clone(),
            self.kind.clone(),
            self.state.clone(),
            self.members.to_string(),
            self.partitions.to_string(),
            short(self.lag),
            span(self.lag_ms),
        ]
    }
}

impl Row for Member {
    const TITLES: &'static [&'static str] = &["member", "instance", "client", "host", "partitions"];

    fn cells(&self) -> Vec<String> {
        let parts = self.assigned.iter().map(|part| {
            let numbers: Vec<String> = part.partitions.iter().map(u32::to_string).collect();
            format!("{}:{}", part.topic, numbers.join(","))
        });
        vec![
            self.id.clone(),
            self.instance.clone().unwrap_or_default(),
            self.client_id.clone(),
            self.host.clone(),
            parts.collect::<Vec<_>>().join(" "),
        ]
    }
}

impl Row for GroupOffset {
    const TITLES: &'static [&'static str] =
        &["topic", ">partition", ">committed", ">next", ">lag", ">stable lag", ">behind"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.topic.clone(),
            self.partition.to_string(),
            self.committed.to_string(),
            self.next_offset.to_string(),
            self.lag.to_string(),
            self.stable_lag.to_string(),
            span(self.lag_ms),
        ]
    }
}

impl Row for OffsetChange {
    const TITLES: &'static [&'static str] = &["topic", ">partition", ">before", ">after"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.topic.clone(),
            self.partition.to_string(),
            self.before.map_or_else(|| "-".to_owned(), |before| before.to_string()),
            self.after.to_string(),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let groups: Vec<Group> = cx.client.list("groups", &list.query())?;
                cx.out.list(&groups)
            }
            Verb::Describe { name, vhost } => describe(get(&name, &vhost.vhost, cx)?, cx),
            Verb::Lag { name: Some(name), vhost } => {
                let group = get(&name, &vhost.vhost, cx)?;
                cx.out.list(&group.offsets)
            }
            Verb::Lag { name: None, .. } => {
                let mut groups: Vec<Group> = cx.client.list("groups", &ListArgs::default().query())?;
                groups.sort_by_key(|group| std::cmp::Reverse((group.lag, group.lag_ms)));
                cx.out.list(&groups)
            }
            Verb::ResetOffsets { name, vhost, to, topics, consent } => {
                let of = topics.iter().map(|text| part(text)).collect::<Result<_>>()?;
                let ask = ResetOffsets { to: to.place()?, of, execute: false };
                reset(&name, &vhost.vhost, ask, consent, cx)
            }
            Verb::Delete { name, vhost, consent } => delete(&name, &vhost.vhost, consent, cx),
        }
    }
}

impl To {
    fn place(&self) -> Result<ResetTo> {
        Ok(match self {
            To { to_earliest: true, .. } => ResetTo::Earliest,
            To { to_offset: Some(offset), .. } => ResetTo::Offset(*offset),
            To { to_time: Some(time), .. } => ResetTo::At(when::time(time)?),
            To { back: Some(span), .. } => ResetTo::BackMs(when::duration(span)?),
            To { shift: Some(by), .. } => ResetTo::Shift(*by),
            _ => ResetTo::Latest,
        })
    }
}

fn get(name: &str, vhost: &str, cx: &Cx<'_>) -> Result<Group> {
    cx.client.get(&paths::path(&["groups", vhost, name]))
}

fn describe(mut group: Group, cx: &mut Cx<'_>) -> Result<()> {
    if cx.out.is_json() {
        return cx.out.one(&group);
    }
    let (members, offsets) = (std::mem::take(&mut group.member_detail), std::mem::take(&mut group.offsets));
    cx.out.one(&group)?;
    if !members.is_empty() {
        cx.out.text("\n")?;
        cx.out.list(&members)?;
    }
    if !offsets.is_empty() {
        cx.out.text("\n")?;
        cx.out.list(&offsets)?;
    }
    Ok(())
}

/// `topic` or `topic:0,1`. Names of topics hold no colon; a queue's may, and is then taken whole with a colon behind it.
fn part(text: &str) -> Result<TopicPart> {
    let Some((topic, numbers)) = text.rsplit_once(':') else {
        return Ok(TopicPart { topic: text.to_owned(), partitions: Vec::new() });
    };
    let numbers = numbers.split(',').filter(|number| !number.is_empty());
    let partitions: std::result::Result<Vec<u32>, _> = numbers.map(str::parse).collect();
    match partitions {
        Ok(partitions) => Ok(TopicPart { topic: topic.to_owned(), partitions }),
        Err(_) => {
            let what = format!("{text:?} does not name partitions");
            Err(Problem::new(&codes::ARGUMENT_INVALID, what).fix("write it as --topic orders:0,1"))
        }
    }
}

fn reset(name: &str, vhost: &str, ask: ResetOffsets, consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let path = paths::path(&["groups", vhost, name, "offsets"]);
    let plan: ResetPlan = cx.client.post(&path, &ask)?;
    if consent.dry_run && cx.out.is_json() {
        return cx.out.one(&plan);
    }
    if !cx.out.is_json() {
        cx.out.list(&plan.offsets)?;
    }
    let changed = plan.offsets.iter().filter(|change| change.before != Some(change.after)).count();
    let deed = format!("set {} of group {name:?}", count(changed as u64, "offset"));
    if !consent.given(&deed, cx)? {
        return Ok(());
    }
    let done: ResetPlan = cx.client.post(&path, &ResetOffsets { execute: true, ..ask })?;
    cx.out.done(&format!("done: {deed}"), &done)
}

fn delete(name: &str, vhost: &str, consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let group = get(name, vhost, cx)?;
    let deed = format!("delete group {name:?} with {}", count(group.partitions, "committed offset"));
    if !consent.given(&deed, cx)? {
        return Ok(());
    }
    cx.client.delete(&paths::path(&["groups", vhost, name]))?;
    cx.out.done(&format!("deleted group {name:?}"), &serde_json::json!({ "deleted": name }))
}
