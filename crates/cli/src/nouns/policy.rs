//! `anymq policy …`

use anymq_api::{Policy, Problem, codes, paths};
use clap::Subcommand;

use super::{ListArgs, VhostArg};
use crate::output::Row;
use crate::{Consent, Cx, Result};

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List policies.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Create or replace a policy.
    Set {
        /// Name.
        name: String,
        /// Regular expression over the names it applies to.
        pattern: String,
        /// Its settings as JSON, as {"max-length":1000}.
        definition: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// queues, classic_queues, quorum_queues, streams, exchanges or all.
        #[arg(long, default_value = "all")]
        apply_to: String,
        /// The highest one that matches wins.
        #[arg(long, default_value_t = 0)]
        priority: i64,
        /// An operator policy: merged with what users set, the smaller limit wins.
        #[arg(long)]
        operator: bool,
    },
    /// Remove a policy; queues and exchanges fall back to the next one that matches.
    Rm {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// It is an operator policy.
        #[arg(long)]
        operator: bool,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Policy {
    const TITLES: &'static [&'static str] =
        &["vhost", "name", "pattern", "apply-to", ">priority", "kind", "definition"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.vhost.clone(),
            self.name.clone(),
            self.pattern.clone(),
            self.apply_to.clone(),
            self.priority.to_string(),
            kind(self.operator).into(),
            serde_json::Value::Object(self.definition.clone()).to_string(),
        ]
    }
}

fn kind(operator: bool) -> &'static str {
    if operator { "operator" } else { "user" }
}

fn path(vhost: &str, name: &str, operator: bool) -> String {
    paths::path(&["policies", vhost, kind(operator), name])
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let policies: Vec<Policy> = cx.client.list("policies", &list.query())?;
                cx.out.list(&policies)
            }
            Verb::Set { name, pattern, definition, vhost, apply_to, priority, operator } => {
                let definition = serde_json::from_str(&definition).map_err(|e| {
                    Problem::new(
                        &codes::ARGUMENT_INVALID,
                        format!("the definition is not a JSON object: {e}"),
                    )
                    .fix(r#"write it as '{"max-length":1000}'"#)
                })?;
                let vhost = vhost.vhost;
                let policy = Policy { vhost, name, pattern, apply_to, priority, definition, operator };
                cx.client.put(&path(&policy.vhost, &policy.name, operator), &policy)?;
                cx.out.done(&format!("policy {:?} is in force", policy.name), &policy)
            }
            Verb::Rm { name, vhost, operator, consent } => {
                let path = path(&vhost.vhost, &name, operator);
                let policy: Policy = cx.client.get(&path)?;
                let deed = format!("remove {} policy {name:?} for {:?}", kind(operator), policy.pattern);
                if !consent.given(&deed, cx)? {
                    return Ok(());
                }
                cx.client.delete(&path)?;
                cx.out.done(&format!("removed policy {name:?}"), &policy)
            }
        }
    }
}
