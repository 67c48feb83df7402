//! `anymq exchange …`

use anymq_api::{Binding, Declare, Exchange, ListQuery, paths};
use clap::Subcommand;

use super::{ListArgs, VhostArg, count};
use crate::output::{Row, mark};
use crate::{Consent, Cx, Result, arguments};

/// What can be done with exchanges.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List exchanges.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show everything about one exchange.
    Info {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
    },
    /// Create an exchange.
    Create {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// `direct`, `fanout`, `topic`, `headers` or `x-…`.
        #[arg(long = "type", value_name = "TYPE", default_value = "direct")]
        kind: String,
        /// An argument, as alternate-exchange=unrouted; may be given several times.
        #[arg(long = "arg", value_name = "NAME=VALUE")]
        args: Vec<String>,
        /// Do not keep it over restarts.
        #[arg(long)]
        transient: bool,
        /// Delete it with its last binding.
        #[arg(long)]
        auto_delete: bool,
        /// Clients cannot publish to it.
        #[arg(long)]
        internal: bool,
    },
    /// Remove an exchange and its bindings.
    Rm {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// Only if nothing is bound to it.
        #[arg(long)]
        if_unused: bool,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Exchange {
    const TITLES: &'static [&'static str] =
        &["vhost", "name", "type", "durable", "auto-delete", "internal", "policy", "arguments"];

    fn cells(&self) -> Vec<String> {
        let name = if self.name.is_empty() { "(default)".into() } else { self.name.clone() };
        vec![
            self.vhost.clone(),
            name,
            self.kind.clone(),
            mark(self.durable),
            mark(self.auto_delete),
            mark(self.internal),
            self.policy.clone().unwrap_or_default(),
            arguments::show(&self.arguments),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let exchanges: Vec<Exchange> = cx.client.list("exchanges", &list.query())?;
                cx.out.list(&exchanges)
            }
            Verb::Info { name, vhost } => {
                let exchange: Exchange = cx.client.get(&paths::path(&["exchanges", &vhost.vhost, &name]))?;
                cx.out.one(&exchange)
            }
            Verb::Create { name, vhost, kind, args, transient, auto_delete, internal } => {
                let arguments = arguments::parse(&args)?;
                let declare =
                    Declare { kind: Some(kind), durable: !transient, auto_delete, internal, arguments };
                cx.client.put(&paths::path(&["exchanges", &vhost.vhost, &name]), &declare)?;
                cx.out.done(&format!("exchange {name:?} is there"), &declare)
            }
            Verb::Rm { name, vhost, if_unused, consent } => rm(&name, &vhost.vhost, if_unused, consent, cx),
        }
    }
}

fn rm(name: &str, vhost: &str, if_unused: bool, consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let path = paths::path(&["exchanges", vhost, name]);
    let _: Exchange = cx.client.get(&path)?;
    let in_vhost = ListQuery { vhost: Some(vhost.to_owned()), ..ListQuery::default() };
    let bindings: Vec<Binding> = cx.client.list("bindings", &in_vhost)?;
    let touching =
        |b: &&Binding| b.source == name || (b.destination_kind == "exchange" && b.destination == name);
    let bound = bindings.iter().filter(touching).count() as u64;
    if !consent.given(&format!("remove exchange {name:?} and {}", count(bound, "binding")), cx)? {
        return Ok(());
    }
    cx.client.delete(&paths::query(&path, &[("if_unused", if_unused.then(|| "true".to_owned()))]))?;
    cx.out.done(&format!("removed exchange {name:?}"), &serde_json::json!({ "bindings": bound }))
}
