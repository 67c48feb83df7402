//! `anymq connection …`

use anymq_api::{CloseConnection, Connection, paths};
use clap::Subcommand;

use super::{ListArgs, count};
use crate::output::{Row, mark};
use crate::{Consent, Cx, Result};

/// What can be done with connections.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List connections; `--name` looks into client names.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show everything about one connection.
    Info {
        /// Its id, as `ls` shows it.
        id: u64,
    },
    /// Close a connection; its unacknowledged messages go back to their queues.
    #[command(visible_alias = "rm")]
    Close {
        /// Its id, as `ls` shows it.
        id: u64,
        /// Why, in words for the client.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Connection {
    const TITLES: &'static [&'static str] = &[
        ">id",
        "user",
        "vhost",
        "peer",
        "protocol",
        "tls",
        ">channels",
        ">consumers",
        ">unacked",
        "state",
        "name",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.user.clone(),
            self.vhost.clone(),
            self.peer.clone(),
            self.protocol.clone(),
            mark(self.tls),
            self.channels.to_string(),
            self.consumers.to_string(),
            self.unacked.to_string(),
            if self.blocked { "blocked".into() } else { "running".into() },
            self.client_name.clone(),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let connections: Vec<Connection> = cx.client.list("connections", &list.query())?;
                cx.out.list(&connections)
            }
            Verb::Info { id } => {
                let connection: Connection =
                    cx.client.get(&paths::path(&["connections", &id.to_string()]))?;
                cx.out.one(&connection)
            }
            Verb::Close { id, reason, consent } => {
                let path = paths::path(&["connections", &id.to_string()]);
                let connection: Connection = cx.client.get(&path)?;
                let deed = format!(
                    "close connection {id} of user {:?} from {} with {}",
                    connection.user,
                    connection.peer,
                    count(connection.consumers, "consumer")
                );
                if !consent.given(&deed, cx)? {
                    return Ok(());
                }
                let path = paths::path(&["connections", &id.to_string(), "close"]);
                cx.client.post::<()>(&path, &CloseConnection { reason })?;
                cx.out.done(&format!("closed connection {id}"), &connection)
            }
        }
    }
}
