//! `anymq binding …`

use anymq_api::{Binding, paths};
use clap::{Args, Subcommand, ValueEnum};

use super::{ListArgs, VhostArg};
use crate::output::Row;
use crate::{Consent, Cx, Result, arguments};

/// What can be done with bindings.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List bindings; `--name` looks into source and destination.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Bind a queue or an exchange to an exchange.
    Create(Ends),
    /// Remove a binding.
    Rm {
        #[command(flatten)]
        ends: Ends,
        #[command(flatten)]
        consent: Consent,
    },
}

/// What makes a binding this one and no other.
#[derive(Debug, Args)]
pub struct Ends {
    /// Exchange that messages come from.
    source: String,
    /// Queue or exchange they go to.
    destination: String,
    #[command(flatten)]
    vhost: VhostArg,
    /// What the destination is.
    #[arg(long, value_enum, default_value_t = To::Queue)]
    to: To,
    /// Routing key.
    #[arg(long, default_value = "")]
    key: String,
    /// An argument, as x-match=all; may be given several times.
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    args: Vec<String>,
}

/// What a binding leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    Queue,
    Exchange,
}

impl Row for Binding {
    const TITLES: &'static [&'static str] = &["vhost", "source", "to", "destination", "key", "arguments"];

    fn cells(&self) -> Vec<String> {
        let source = if self.source.is_empty() { "(default)".into() } else { self.source.clone() };
        vec![
            self.vhost.clone(),
            source,
            self.destination_kind.clone(),
            self.destination.clone(),
            self.routing_key.clone(),
            arguments::show(&self.arguments),
        ]
    }
}

impl Ends {
    fn binding(self) -> Result<Binding> {
        Ok(Binding {
            vhost: self.vhost.vhost,
            source: self.source,
            destination_kind: if self.to == To::Queue { "queue".into() } else { "exchange".into() },
            destination: self.destination,
            routing_key: self.key,
            arguments: arguments::parse(&self.args)?,
        })
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let bindings: Vec<Binding> = cx.client.list("bindings", &list.query())?;
                cx.out.list(&bindings)
            }
            Verb::Create(ends) => {
                let binding = ends.binding()?;
                cx.client.post::<()>(&paths::path(&["bindings"]), &binding)?;
                cx.out.done(&format!("{} is bound to {}", binding.destination, binding.source), &binding)
            }
            Verb::Rm { ends, consent } => {
                let binding = ends.binding()?;
                let deed = format!(
                    "unbind {} {:?} from exchange {:?} with key {:?}",
                    binding.destination_kind, binding.destination, binding.source, binding.routing_key
                );
                if !consent.given(&deed, cx)? {
                    return Ok(());
                }
                cx.client.post::<()>(&paths::path(&["bindings", "remove"]), &binding)?;
                cx.out.done(
                    &format!("{} is no longer bound to {}", binding.destination, binding.source),
                    &binding,
                )
            }
        }
    }
}
