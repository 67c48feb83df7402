//! `anymq vhost …`

use anymq_api::{Vhost, paths};
use clap::Subcommand;

use super::{ListArgs, count};
use crate::output::Row;
use crate::{Consent, Cx, Result};

/// What can be done with vhosts.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List vhosts.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Create a vhost, or change one.
    Create {
        /// Name.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// Queue type for declarations that name none.
        #[arg(long)]
        default_queue_type: Option<String>,
        /// Most connections.
        #[arg(long)]
        max_connections: Option<u64>,
        /// Most queues.
        #[arg(long)]
        max_queues: Option<u64>,
    },
    /// Remove a vhost with everything in it.
    Rm {
        /// Name.
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Vhost {
    const TITLES: &'static [&'static str] =
        &["name", ">queues", "default-type", ">max-connections", ">max-queues", "description"];

    fn cells(&self) -> Vec<String> {
        let limit = |limit: Option<u64>| limit.map(|n| n.to_string()).unwrap_or_default();
        vec![
            self.name.clone(),
            self.queues.to_string(),
            self.default_queue_type.clone().unwrap_or_default(),
            limit(self.max_connections),
            limit(self.max_queues),
            self.description.clone(),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let vhosts: Vec<Vhost> = cx.client.list("vhosts", &list.query())?;
                cx.out.list(&vhosts)
            }
            Verb::Create { name, description, default_queue_type, max_connections, max_queues } => {
                let vhost = Vhost {
                    name: name.clone(),
                    description,
                    default_queue_type,
                    max_connections,
                    max_queues,
                    queues: 0,
                };
                cx.client.put(&paths::path(&["vhosts", &name]), &vhost)?;
                cx.out.done(&format!("vhost {name:?} is there"), &vhost)
            }
            Verb::Rm { name, consent } => {
                let path = paths::path(&["vhosts", &name]);
                let vhost: Vhost = cx.client.get(&path)?;
                let deed = format!("remove vhost {name:?} with {}", count(vhost.queues, "queue"));
                if !consent.given(&deed, cx)? {
                    return Ok(());
                }
                cx.client.delete(&path)?;
                cx.out.done(&format!("removed vhost {name:?}"), &vhost)
            }
        }
    }
}
