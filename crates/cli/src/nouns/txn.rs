//! `anymq txn …`

use anymq_api::{ListQuery, Problem, Transaction, TransactionPartition, codes, paths};
use clap::Subcommand;

use super::{ListArgs, count};
use crate::output::{Row, span};
use crate::{Consent, Cx, Result};

/// What can be done with transactions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List transactional ids and their transactions.
    Ls {
        #[command(flatten)]
        list: ListArgs,
        /// Only those with an open transaction.
        #[arg(long)]
        open: bool,
    },
    /// Show a transactional id, and what is part of its transaction.
    #[command(alias = "info")]
    Describe {
        /// The transactional id.
        id: String,
    },
    /// Abort an open transaction, so that readers of committed messages go on; its producer is fenced.
    Abort {
        /// The transactional id.
        id: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Transaction {
    const TITLES: &'static [&'static str] =
        &["id", "vhost", "state", ">producer", ">epoch", ">open", ">partitions", "groups"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.vhost.clone().unwrap_or_default(),
            self.state.clone(),
            self.producer.to_string(),
            self.epoch.to_string(),
            self.open_ms.map(span).unwrap_or_default(),
            self.partitions.len().to_string(),
            self.groups.join(" "),
        ]
    }
}

impl Row for TransactionPartition {
    const TITLES: &'static [&'static str] = &["topic", ">partition", ">first offset"];

    fn cells(&self) -> Vec<String> {
        let first = self.first_offset.map(|offset| offset.to_string());
        vec![self.topic.clone(), self.number.to_string(), first.unwrap_or_default()]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list, open } => {
                let mut query = list.query();
                if open {
                    query.limit = None; // Those that are open may be anywhere.
                }
                let mut found: Vec<Transaction> = cx.client.list("transactions", &query)?;
                if open {
                    found.retain(is_open);
                    found.truncate(list.limit.unwrap_or(usize::MAX));
                }
                cx.out.list(&found)
            }
            Verb::Describe { id } => describe(find(&id, cx)?, cx),
            Verb::Abort { id, consent } => abort(&id, consent, cx),
        }
    }
}

fn is_open(transaction: &Transaction) -> bool {
    transaction.state == "ongoing"
}

fn find(id: &str, cx: &Cx<'_>) -> Result<Transaction> {
    let query = ListQuery { name: Some(id.to_owned()), ..ListQuery::default() };
    let found: Vec<Transaction> = cx.client.list("transactions", &query)?;
    found.into_iter().find(|transaction| transaction.id == id).ok_or_else(|| {
        Problem::new(&codes::NOT_FOUND, format!("no transactional id {id:?}"))
            .fix("anymq txn ls shows which there are")
    })
}

fn describe(mut transaction: Transaction, cx: &mut Cx<'_>) -> Result<()> {
    if cx.out.is_json() {
        return cx.out.one(&transaction);
    }
    let partitions = std::mem::take(&mut transaction.partitions);
    cx.out.one(&transaction)?;
    if !partitions.is_empty() {
        cx.out.text("\n")?;
        cx.out.list(&partitions)?;
    }
    Ok(())
}

fn abort(id: &str, consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let transaction = find(id, cx)?;
    if !is_open(&transaction) {
        return Err(Problem::new(&codes::TRANSACTION_CLOSED, format!("{id:?} has no open transaction")));
    }
    let deed = format!(
        "abort the transaction of {id:?}, open for {} in {}, and fence its producer",
        span(transaction.open_ms.unwrap_or(0)),
        count(transaction.partitions.len() as u64, "partition")
    );
    if !consent.given(&deed, cx)? {
        return Ok(());
    }
    let vhost = transaction.vhost.as_deref().unwrap_or("/");
    let path = paths::path(&["transactions", vhost, id, "abort"]);
    let () = cx.client.post(&path, &serde_json::json!({}))?;
    cx.out.done(&format!("aborted the transaction of {id:?}"), &serde_json::json!({ "aborted": id }))
}
