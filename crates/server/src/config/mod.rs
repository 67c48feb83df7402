//! Configuration: flags > environment > file > defaults.
//!
//! Each crate owns its `Config`; [`Settings`] nests them under the names an operator writes. A door's table holds its
//! sockets ([`anymq_net::Config`]) and its own settings side by side.

mod layers;
mod reference;
mod schema;
mod sections;

use std::path::{Path, PathBuf};

use anymq_api::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use layers::{Layers, Origin};
pub use reference::reference;
pub use sections::{Auth, Bootstrap, Door, LogFormat, Logging, Process, Secret, Settings, Storage};

/// RabbitMQ's variables for the first user and vhost, and the keys they set.
const RABBITMQ_VARIABLES: &[(&str, &str)] = &[
    ("RABBITMQ_DEFAULT_USER", "bootstrap.user"),
    ("RABBITMQ_DEFAULT_PASS", "bootstrap.password"),
    ("RABBITMQ_DEFAULT_VHOST", "bootstrap.vhost"),
];

/// What the command line says about configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file; ./anymq.toml if there is one.
    #[arg(long, env = "ANYMQ_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where messages are kept.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Set any key, as amqp.port=5673; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Reads every layer. `base` holds the defaults of the command.
pub fn load(args: &ConfigArgs, base: &Settings) -> Result<(Settings, Layers), Problem> {
    let default_file = Path::new("anymq.toml");
    let file = args.config.as_deref().or_else(|| default_file.exists().then_some(default_file));
    load_from(args, base, file, std::env::vars())
}

/// [`load`] with the outside world passed in.
pub fn load_from(
    args: &ConfigArgs,
    base: &Settings,
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(Settings, Layers), Problem> {
    let mut layers = Layers::new(base.to_table(), Settings::schema());
    if let Some(file) = file {
        layers.file(file)?;
    }
    layers.environment(environment)?;
    if let Some(dir) = &args.data_dir {
        layers.set("server.data_dir", &dir.to_string_lossy(), Origin::Flag("--data-dir"))?;
    }
    for pair in &args.set {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        layers.set(key, value, Origin::Flag("--set"))?;
    }
    let settings = Settings::from_layers(&layers)?;
    settings.validate().map_err(|(key, reason)| layers::bad_value(&key, &layers.origin(&key), &reason))?;
    Ok((settings, layers))
}

/// Reads one table into its struct; names the key that does not fit.
fn read<T: DeserializeOwned>(section: &str, table: Table, layers: &Layers) -> Result<T, Problem> {
    let error = match Value::Table(table.clone()).try_into::<T>() {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // The error names no key: find the one that does not fit by itself.
    let culprit = table.into_iter().find_map(|(name, value)| {
        let alone = Table::from_iter([(name.clone(), value)]);
        Value::Table(alone).try_into::<T>().err().map(|error| (name, error))
    });
    let (key, error) = match culprit {
        Some((name, error)) => (format!("{section}.{name}"), error),
        None => (section.to_owned(), error),
    };
    let reason = format!("is not acceptable: {}", error.message());
    Err(layers::bad_value(&key, &layers.origin(&key), &reason))
}

fn write<T: Serialize>(value: &T) -> Table {
    match Value::try_from(value) {
        Ok(Value::Table(table)) => table,
        _ => unreachable!("configuration structs are tables of plain values"),
    }
}

/// One line for each key: `amqp.port = 5672`, and where it comes from if `origin`. Secrets are not shown.
pub fn show(layers: &Layers, origin: bool) -> String {
    let mut text = String::new();
    lines("", &layers.tree, &mut |key, value| {
        let value = if is_secret(key) { "\"***\"".to_owned() } else { value.to_string() };
        text.push_str(&format!("{key} = {value}"));
        if origin {
            text.push_str(&format!("  # {}", layers.origin(key)));
        }
        text.push('\n');
    });
    text
}

fn is_secret(key: &str) -> bool {
    key.ends_with("password")
}

fn lines(prefix: &str, table: &Table, line: &mut impl FnMut(&str, &Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => lines(&key, inner, line),
            value => line(&key, value),
        }
    }
}

#[cfg(test)]
mod tests;
