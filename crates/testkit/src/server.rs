//! A broker process of a test.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;

use crate::{Error, wait_for};

/// Longest time from start to ready; a debug build on a busy machine needs some seconds.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How a server is to be started. The default is the binary of this build, any free ports, an empty directory.
#[derive(Clone, Debug, Default)]
pub struct Options {
    binary: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    start_limit: Option<Duration>,
}

impl Options {
    /// Another binary than `$ANYMQ_BIN` or the one in the build directory.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// A data directory that outlives the server; without it a scratch directory is made and removed.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// A setting by its environment name, such as `ANYMQ_AMQP__FRAME_MAX`.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// A further argument after `dev --data-dir D --ready-file F`.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Longest time from start to ready (30 s by default).
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = Some(limit);
        self
    }

    /// Starts the server and waits until it serves.
    pub fn start(self) -> Result<Server, Error> {
        Server::start(self)
    }
}

/// What the server says in its ready file once it serves.
#[derive(Clone, Debug, Deserialize)]
struct Ready {
    amqp: SocketAddr,
    kafka: SocketAddr,
    admin: SocketAddr,
    pid: u32,
}

/// A running (or killed, to be started again) server. Dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    options: Options,
    binary: PathBuf,
    scratch: TempDir,
    ready: Ready,
    child: Child,
}

impl Server {
    fn start(options: Options) -> Result<Server, Error> {
        let binary = match &options.binary {
            Some(binary) => binary.clone(),
            None => find_binary()?,
        };
        let scratch = TempDir::with_prefix("anymq-test-").map_err(Error::io("make a scratch directory"))?;
        let (child, ready) = spawn(&binary, &options, scratch.path(), [0; 3])?;
        Ok(Server { options, binary, scratch, ready, child })
    }

    /// Where AMQP 0-9-1 is served.
    pub fn amqp(&self) -> SocketAddr {
        self.ready.amqp
    }

    /// Where Kafka is served.
    pub fn kafka(&self) -> SocketAddr {
        self.ready.kafka
    }

    /// Where the admin API is served.
    pub fn admin(&self) -> SocketAddr {
        self.ready.admin
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.ready.pid
    }

    /// Where the server keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.options, self.scratch.path())
    }

    /// All that the server wrote to stdout and stderr, over all its starts.
    pub fn log(&self) -> String {
        read_log(self.scratch.path())
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the process at once, as `kill -9` does.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().map_err(Error::io("kill the server"))?;
        self.child.wait().map_err(Error::io("wait for the killed server"))?;
        Ok(())
    }

    /// Asks for a graceful end with SIGTERM and waits for it.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        // A child that was not waited for keeps its id, so this can hit no other process.
        if let Some(status) = self.child.try_wait().map_err(Error::io("look at the server"))? {
            return Ok(status);
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).map_err(|error| Error::io("send SIGTERM")(error.into()))?;
        let child = &mut self.child;
        wait_for("the server's graceful end", limit, || child.try_wait().transpose())?
            .map_err(Error::io("wait for the server's end"))
    }

    /// Starts the killed or stopped server again, on the same data and, if they are still free, the same ports.
    pub fn start_again(&mut self) -> Result<(), Error> {
        if self.is_running() {
            self.kill()?;
        }
        let ports = [self.ready.amqp.port(), self.ready.admin.port(), self.ready.kafka.port()];
        (self.child, self.ready) = spawn(&self.binary, &self.options, self.scratch.path(), ports)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about an error here, and a process that has ended already is fine.
        let _ = self.kill();
    }
}

fn spawn(binary: &Path, options: &Options, scratch: &Path, ports: [u16; 3]) -> Result<(Child, Ready), Error> {
    let ready_file = scratch.join("ready.json");
    match fs::remove_file(&ready_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove the old ready file")(error));
        }
        _ => {}
    }
    let log = || File::options().create(true).append(true).open(scratch.join("log"));
    let mut child = Command::new(binary)
        .arg("dev")
        .arg("--data-dir")
        .arg(data_dir(options, scratch))
        .arg("--ready-file")
        .arg(&ready_file)
        .args(&options.args)
        .env("ANYMQ_AMQP__PORT", ports[0].to_string())
        .env("ANYMQ_ADMIN__PORT", ports[1].to_string())
        .env("ANYMQ_KAFKA__PORT", ports[2].to_string())
        .envs(options.env.iter().map(|(key, value)| (key, value)))
        .current_dir(scratch)
        .stdin(Stdio::null())
        .stdout(log().map_err(Error::io("open the server's log"))?)
        .stderr(log().map_err(Error::io("open the server's log"))?)
        .spawn()
        .map_err(Error::io("start the server"))?;

    let limit = options.start_limit.unwrap_or(START_LIMIT);
    let ready = wait_for("the server's start", limit, || match child.try_wait() {
        Ok(Some(status)) => Some(Err(Error::Ended { status, log: read_log(scratch) })),
        Err(error) => Some(Err(Error::io("look at the server")(error))),
        Ok(None) => fs::read(&ready_file).ok().map(|text| Ok(serde_json::from_slice::<Ready>(&text)?)),
    });
    match ready.and_then(|ready| ready) {
        Ok(ready) => Ok((child, ready)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

fn data_dir(options: &Options, scratch: &Path) -> PathBuf {
    options.data_dir.clone().unwrap_or_else(|| scratch.join("data"))
}

fn read_log(scratch: &Path) -> String {
    fs::read(scratch.join("log")).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
}

/// `$ANYMQ_BIN`, else the binary beside this test in the build directory: `<target>/<profile>/anymq`.
fn find_binary() -> Result<PathBuf, Error> {
    if let Some(binary) = std::env::var_os("ANYMQ_BIN") {
        return Ok(binary.into());
    }
    let test = std::env::current_exe().map_err(Error::io("find this test's own path"))?;
    let profile =
        test.ancestors().find(|dir| dir.file_name().is_none_or(|name| name != "deps") && dir.is_dir());
    let binary = profile.unwrap_or(Path::new(".")).join("anymq");
    if binary.is_file() { Ok(binary) } else { Err(Error::NoBinary(binary)) }
}

#[cfg(test)]
mod tests;
