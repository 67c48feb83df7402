//! `anymq user …`

use std::path::PathBuf;

use anymq_api::{User, UserPut, paths};
use clap::Subcommand;

use super::ListArgs;
use crate::output::{Row, mark};
use crate::target::secret;
use crate::{Consent, Cx, Result};

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List users.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Create a user.
    Create {
        /// Name.
        name: String,
        /// File whose first line is the password; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        new_password_file: PathBuf,
        /// Tags, separated by commas: administrator, monitoring, policymaker, management.
        #[arg(long, value_delimiter = ',')]
        tags: Vec<String>,
    },
    /// Give a user another password.
    Passwd {
        /// Name.
        name: String,
        /// File whose first line is the password; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        new_password_file: PathBuf,
    },
    /// Give a user other tags; none takes all away.
    Tags {
        /// Name.
        name: String,
        /// administrator, monitoring, policymaker, management.
        tags: Vec<String>,
    },
    /// Remove a user and its permissions.
    Rm {
        /// Name.
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for User {
    const TITLES: &'static [&'static str] = &["name", "tags", "password"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.tags.join(","), mark(self.has_password)]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let users: Vec<User> = cx.client.list("users", &list.query())?;
                cx.out.list(&users)
            }
            Verb::Create { name, new_password_file, tags } => {
                let put = UserPut { password: Some(secret(&new_password_file)?), tags: Some(tags) };
                change(&name, &put, "is there", cx)
            }
            Verb::Passwd { name, new_password_file } => {
                let put = UserPut { password: Some(secret(&new_password_file)?), tags: None };
                let _: User = cx.client.get(&paths::path(&["users", &name]))?;
                change(&name, &put, "has a new password", cx)
            }
            Verb::Tags { name, tags } => {
                let _: User = cx.client.get(&paths::path(&["users", &name]))?;
                change(&name, &UserPut { password: None, tags: Some(tags) }, "has new tags", cx)
            }
            Verb::Rm { name, consent } => {
                let path = paths::path(&["users", &name]);
                let user: User = cx.client.get(&path)?;
                if !consent.given(&format!("remove user {name:?} and its permissions"), cx)? {
                    return Ok(());
                }
                cx.client.delete(&path)?;
                cx.out.done(&format!("removed user {name:?}"), &user)
            }
        }
    }
}

fn change(name: &str, put: &UserPut, what: &str, cx: &mut Cx<'_>) -> Result<()> {
    let path = paths::path(&["users", name]);
    cx.client.put(&path, put)?;
    let user: User = cx.client.get(&path)?;
    cx.out.done(&format!("user {name:?} {what}"), &user)
}
