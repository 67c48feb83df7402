//! The real binary: ports, ready file, signals, exit codes.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const WAIT: Duration = Duration::from_secs(60);

fn anymq(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anymq"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("ANYMQ_") || name.starts_with("RABBITMQ_"))
    {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
fn run(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = anymq(dir, args).output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A broker on free ports; killed when the test ends.
struct Broker {
    child: Child,
    ready: Value,
}

#[allow(clippy::disallowed_methods, reason = "a test waits for another process, with a deadline")]
fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(begun.elapsed() < WAIT, "{what} took too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Broker {
    fn start(dir: &Path, more: &[&str]) -> Broker {
        let file = dir.join("ready.json");
        let _ = std::fs::remove_file(&file);
        let ports = ["--set", "kafka.port=0", "--set", "admin.port=0", "--set", "metrics.port=0"];
        let free = [&["dev", "--ready-file", "ready.json"], &ports[..]].concat();
        let mut child = anymq(dir, &[&free[..], more].concat()).spawn().expect("starts");
        let ready = until("start", || {
            if let Some(status) = child.try_wait().expect("status") {
                panic!("ended with {status}");
            }
            serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
        });
        Broker { child, ready }
    }

    fn port(&self, door: &str) -> u16 {
        let address = self.ready[door].as_str().expect("address");
        address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port")
    }

    fn url(&self) -> String {
        format!("http://{}", self.ready["admin"].as_str().expect("address"))
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Asks it to stop: exit code, standard output, standard error.
    fn stop(mut self) -> (i32, String, String) {
        self.signal("-TERM");
        let status = until("stop", || self.child.try_wait().expect("status"));
        let read = |pipe: Option<&mut dyn std::io::Read>| {
            let mut text = String::new();
            pipe.expect("pipe").read_to_string(&mut text).expect("text");
            text
        };
        let out = read(self.child.stdout.as_mut().map(|p| p as &mut dyn std::io::Read));
        let err = read(self.child.stderr.as_mut().map(|p| p as &mut dyn std::io::Read));
        (status.code().unwrap_or(-1), out, err)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn dev_moves_a_taken_port_and_keeps_what_is_declared() {
    let dir = tempfile::tempdir().expect("directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = taken.local_addr().expect("address").port();
    let broker = Broker::start(dir.path(), &["--set", &format!("amqp.port={port}")]);
    assert_ne!(broker.port("amqp"), port);
    assert_eq!(broker.ready["pid"], broker.child.id());
    let url = broker.url();
    let (code, out, err) = run(dir.path(), &["queue", "create", "kept", "--type", "quorum", "--url", &url]);
    assert_eq!((code, out.as_str()), (0, "queue \"kept\" is there\n"), "{err}");
    assert_eq!(run(dir.path(), &["health", "--url", &url]).0, 0);
    // A second broker on the same directory is refused.
    let data = dir.path().join("anymq-data");
    let data = data.to_str().expect("path");
    let zero = ["amqp", "kafka", "admin", "metrics"].map(|door| format!("--set={door}.port=0"));
    let zero = zero.each_ref().map(String::as_str);
    let (code, _, err) = run(dir.path(), &[&["serve", "--data-dir", data], &zero[..]].concat());
    assert!(code == 1 && err.contains("AnyMQ-1402"), "{code} {err}");
    let (code, out, err) = broker.stop();
    assert_eq!(code, 0, "{err}");
    let pid = std::process::id();
    assert!(out.contains(&format!("! amqp: port {port} is taken by ")), "{out}");
    assert!(out.contains(&format!("(pid {pid}), moved")), "{out}");

    let broker = Broker::start(dir.path(), &["--set", "amqp.port=0"]);
    let (code, out, _) = run(dir.path(), &["queue", "info", "kept", "-o", "json", "--url", &broker.url()]);
    let queue: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &queue["kind"]), (0, &Value::from("quorum")));
    assert_eq!(broker.stop().0, 0);
    let (code, out, _) = run(dir.path(), &["check", data]);
    assert!(code == 0 && out.ends_with("no damage\n"), "{out}");
}

#[test]
fn serve_names_who_has_the_port() {
    let dir = tempfile::tempdir().expect("directory");
    let taken = TcpListener::bind("0.0.0.0:0").expect("bind");
    let port = taken.local_addr().expect("address").port();
    let (code, _, err) = run(dir.path(), &["serve", "--set", &format!("amqp.port={port}")]);
    assert_eq!(code, 1, "{err}");
    let pid = std::process::id();
    assert!(err.starts_with(&format!("AnyMQ-1010 amqp: port {port} on 0.0.0.0 is taken by ")), "{err}");
    assert!(err.contains(&format!("(pid {pid})")), "{err}");
    assert!(!dir.path().join("anymq-data").exists(), "nothing was created");
}

#[test]
fn exit_codes_tell_what_kind_of_failure() {
    let dir = tempfile::tempdir().expect("directory");
    let broker = Broker::start(dir.path(), &["--set", "amqp.port=0"]);
    let url = broker.url();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "wrong\n").expect("file");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["errors", "AnyMQ-1204"], 0, ""),
        (&["guarantees"], 0, ""),
        (&["completion", "bash"], 0, ""),
        (&["queue", "rm", "gone", "--yes", "--url", &url], 3, "AnyMQ-1201"),
        (&["queue", "ls", "--password-file", "secret", "--url", &url], 4, "AnyMQ-1101"),
        (&["queue", "ls", "--no-such-option"], 2, "unexpected argument"),
        (&["serve", "--set", "amqp.prot=1"], 2, "AnyMQ-1003"),
        (&["check", "nowhere"], 1, "AnyMQ-1401"),
        (&["health", "--url", "http://127.0.0.1:9"], 5, "AnyMQ-1301"),
    ];
    for (args, expected, text) in cases {
        let (code, _, err) = run(dir.path(), args);
        assert_eq!(code, expected, "{args:?}: {err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
    assert_eq!(broker.stop().0, 0);
}

#[test]
fn sighup_reads_the_log_level_again_and_the_broker_goes_on() {
    let dir = tempfile::tempdir().expect("directory");
    std::fs::write(dir.path().join("anymq.toml"), "[logging]\nlevel = 'warn'\nformat = 'json'\n")
        .expect("file");
    let broker = Broker::start(dir.path(), &["--set", "amqp.port=0"]);
    std::fs::write(dir.path().join("anymq.toml"), "[logging]\nlevel = 'info'\nformat = 'json'\n")
        .expect("file");
    broker.signal("-HUP");
    let url = broker.url();
    until("reload", || {
        // The broker still answers, and by then it has taken the signal.
        (run(dir.path(), &["vhost", "create", "v", "--url", &url]).0 == 0).then_some(())
    });
    let (code, _, err) = broker.stop();
    assert_eq!(code, 0, "{err}");
    for line in err.lines() {
        serde_json::from_str::<Value>(line).expect("every line is JSON");
    }
    assert!(err.contains("log level set") && err.contains("\"stopping\""), "{err}");
    assert!(!err.contains("guest:"), "no secret in the log: {err}");
}
