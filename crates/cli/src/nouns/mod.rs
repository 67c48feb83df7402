//! One file for each noun.

pub mod binding;
pub mod channel;
pub mod connection;
pub mod consumer;
pub mod exchange;
pub mod group;
pub mod permission;
pub mod policy;
pub mod queue;
pub mod topic;
pub mod txn;
pub mod user;
pub mod vhost;

use anymq_api::ListQuery;
use clap::Args;

/// Options of every `ls`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Only this vhost.
    #[arg(long)]
    pub vhost: Option<String>,
    /// Only names that contain this text.
    #[arg(long)]
    pub name: Option<String>,
    /// At most this many.
    #[arg(long)]
    pub limit: Option<usize>,
}

impl ListArgs {
    pub(crate) fn query(&self) -> ListQuery {
        ListQuery { vhost: self.vhost.clone(), name: self.name.clone(), offset: 0, limit: self.limit }
    }
}

/// The vhost a command works in.
#[derive(Clone, Debug, Args)]
pub struct VhostArg {
    /// The vhost.
    #[arg(long, env = "ANYMQ_VHOST", default_value = "/")]
    pub vhost: String,
}

/// `3 messages`, `1 message`.
pub(crate) fn count(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}
