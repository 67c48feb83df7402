//! `anymq permission …`

use anymq_api::{Permission, paths};
use clap::Subcommand;

use super::{ListArgs, VhostArg};
use crate::output::Row;
use crate::{Consent, Cx, Result};

/// What can be done with permissions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List permissions; `--name` looks into user names.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Set what a user may do in a vhost. Each is a regular expression over names; `^$` is nothing, `.*` is everything.
    Set {
        /// Whose permissions.
        #[arg(value_name = "USER")]
        whose: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// Names the user may create and delete.
        #[arg(long)]
        configure: String,
        /// Names the user may publish to.
        #[arg(long)]
        write: String,
        /// Names the user may consume from.
        #[arg(long)]
        read: String,
    },
    /// Take all permissions in a vhost away.
    Rm {
        /// Whose permissions.
        #[arg(value_name = "USER")]
        whose: String,
        #[command(flatten)]
        vhost: VhostArg,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Permission {
    const TITLES: &'static [&'static str] = &["vhost", "user", "configure", "write", "read"];

    fn cells(&self) -> Vec<String> {
        [&self.vhost, &self.user, &self.configure, &self.write, &self.read].map(Clone::clone).into()
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let permissions: Vec<Permission> = cx.client.list("permissions", &list.query())?;
                cx.out.list(&permissions)
            }
            Verb::Set { whose: user, vhost, configure, write, read } => {
                let permission =
                    Permission { user: user.clone(), vhost: vhost.vhost, configure, write, read };
                cx.client.put(&paths::path(&["permissions", &permission.vhost, &user]), &permission)?;
                cx.out.done(
                    &format!("user {user:?} has these permissions in {:?}", permission.vhost),
                    &permission,
                )
            }
            Verb::Rm { whose: user, vhost, consent } => {
                let deed = format!("take all permissions in vhost {:?} from user {user:?}", vhost.vhost);
                if !consent.given(&deed, cx)? {
                    return Ok(());
                }
                cx.client.delete(&paths::path(&["permissions", &vhost.vhost, &user]))?;
                let value = serde_json::json!({ "user": user, "vhost": vhost.vhost });
                cx.out.done(&format!("user {user:?} may do nothing in {:?}", vhost.vhost), &value)
            }
        }
    }
}
