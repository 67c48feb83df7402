//! Which broker, and as whom.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anymq_api::{Problem, codes};
use clap::Args;

use crate::Result;
use crate::client::Client;
use crate::output::Format;

/// Longest secret or certificate file that is read, in bytes.
const SMALL_FILE_MAX: u64 = 1 << 20;

/// Options of every command that asks a running broker.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which broker")]
pub struct Target {
    /// The broker's admin API.
    #[arg(long, global = true, env = "ANYMQ_URL", default_value = "http://127.0.0.1:15672")]
    url: String,
    /// User to log in as.
    #[arg(long, global = true, env = "ANYMQ_USER", default_value = "guest")]
    user: String,
    /// File with the user's password; `-` is standard input.
    #[arg(long, global = true, env = "ANYMQ_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// PEM file with the authority of an https server.
    #[arg(long, global = true, env = "ANYMQ_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Seconds to wait for an answer.
    #[arg(long, global = true, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// How results are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

impl Target {
    /// A client for this broker. `password` is the value of ANYMQ_PASSWORD, if it is set.
    pub fn client(&self, password: Option<String>) -> Result<Client> {
        let password = match (&self.password_file, password) {
            (Some(path), _) => secret(path)?,
            (None, Some(password)) => password,
            (None, None) if self.user == "guest" => "guest".to_owned(),
            (None, None) => {
                let what = format!("no password for user {:?}", self.user);
                return Err(Problem::new(&codes::LOGIN_MISSING, what));
            }
        };
        let ca = self.ca.as_deref().map(read_small).transpose()?;
        let timeout = Duration::from_secs(self.timeout);
        Client::new(&self.url, &self.user, &password, ca.as_deref(), timeout)
    }
}

/// The first line of a file, `-` for standard input: passwords end with their line.
pub(crate) fn secret(path: &Path) -> Result<String> {
    let bytes = read_small(path)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(path, "it is not UTF-8 text"))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(unreadable(path, "its first line is empty"));
    }
    Ok(line.to_owned())
}

fn read_small(path: &Path) -> Result<Vec<u8>> {
    read_bounded(path, SMALL_FILE_MAX)
}

/// A whole file, `-` for standard input, of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(max + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(max + 1).read_to_end(&mut bytes))
    };
    match read {
        Ok(len) if len as u64 > max => Err(unreadable(path, &format!("it is larger than {max} bytes"))),
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(path, &error.to_string())),
    }
}

fn unreadable(path: &Path, reason: &str) -> Problem {
    Problem::new(&codes::INPUT_UNREADABLE, format!("cannot use {}: {reason}", path.display()))
}
