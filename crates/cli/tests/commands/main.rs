//! Commands against a scripted admin API on a real socket.

mod groups;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anymq_cli::{Cx, Noun, Printer};
use clap::Parser;
use expect_test::{Expect, expect};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    noun: Noun,
}

/// Answers each request by its "METHOD path" with (status, body); notes every request and its body.
struct Script {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Script {
    fn new(answers: &'static [(&'static str, u16, &'static str)]) -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = seen.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("accept"));
                let Some((head, body)) = request(&mut stream) else { return };
                let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
                assert!(head.to_lowercase().contains("authorization: basic z3vlc3q6z3vlc3q="), "{head}");
                let answer = answers.iter().find(|a| line == a.0);
                let (status, text) = answer.map_or((404, "{}"), |a| (a.1, a.2));
                notes.lock().expect("notes").push(format!("{line} {body}").trim_end().to_owned());
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                stream.get_mut().write_all(format!("{head}{text}").as_bytes()).expect("answer");
            }
        });
        Script { address, seen, thread: Some(thread) }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // An empty connection ends the thread.
        drop(std::net::TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking(), "the scripted server failed");
        }
    }
}

fn request(stream: &mut impl BufRead) -> Option<(String, String)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let length =
        head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).expect("text")))
}

/// Runs one command line; gives what it printed, or its problem.
fn run(script: &Script, line: &str, answer: Option<&str>) -> String {
    let url = format!("http://{}", script.address);
    let words = ["anymq"].into_iter().chain(line.split(' ')).chain(["--url", &url]);
    let line = Line::try_parse_from(words).expect("command line");
    let (mut out, mut asides) = (Vec::new(), Vec::new());
    let mut input = answer.unwrap_or_default().as_bytes();
    let client = line.noun.target().client(None).expect("client");
    let printer = Printer::new(&mut out, line.noun.target().output, false);
    let mut cx =
        Cx { client, out: printer, input: &mut input, asides: &mut asides, interactive: answer.is_some() };
    let result = anymq_cli::run(line.noun, &mut cx);
    let mut text = String::from_utf8(asides).expect("text") + &String::from_utf8(out).expect("text");
    if let Err(problem) = result {
        text.push_str(&format!("exit {}: {problem}\n", problem.class().exit_code()));
    }
    text
}

fn check(script: &Script, line: &str, answer: Option<&str>, expected: Expect) {
    expected.assert_eq(&run(script, line, answer));
}

const QUEUE: &str = r#"{"vhost":"/","name":"orders","kind":"quorum","durable":true,"messages":12,"ready":7,"unacked":5,
    "bytes":2048,"consumers":1,"arguments":{"x-max-length":10}}"#;

#[test]
fn lists_and_details() {
    let script = Script::new(&[
        (
            "GET /api/v1/queues?offset=0&limit=10000",
            200,
            r#"{"total":2,"items":[{"vhost":"/","name":"a","kind":"classic","messages":1,"ready":1},
                {"vhost":"/","name":"b","kind":"quorum","durable":true,"messages":34567,"ready":34567,"future":1}]}"#,
        ),
        ("GET /api/v1/queues/%2F/orders", 200, QUEUE),
        ("GET /api/v1/queues?vhost=%2F&name=x&offset=0&limit=1", 200, r#"{"total":0,"items":[]}"#),
    ]);
    check(
        &script,
        "queue ls --sort messages",
        None,
        expect![[r#"
            VHOST  NAME  TYPE     DURABLE  READY  UNACKED  DELAYED  BYTES  CONSUMERS  POLICY
            /      b     quorum   yes      34.5k        0        0    0 B          0
            /      a     classic               1        0        0    0 B          0
        "#]],
    );
    let json = run(&script, "queue -o json ls --vhost / --name x --limit 1", None);
    assert_eq!(json, "[]\n");
    let info = run(&script, "queue info orders", None);
    assert!(info.contains("arguments          {\"x-max-length\":10}"), "{info}");
}

#[test]
fn removing_shows_the_count_and_asks() {
    let script = Script::new(&[
        ("GET /api/v1/queues/%2F/orders", 200, QUEUE),
        ("DELETE /api/v1/queues/%2F/orders?if_unused=true", 200, r#"{"messages":12}"#),
        ("DELETE /api/v1/queues/%2F/orders/messages", 200, r#"{"messages":7}"#),
    ]);
    check(
        &script,
        "queue rm orders --dry-run",
        None,
        expect![[r#"
            would remove queue "orders" with 12 messages and 1 consumer
        "#]],
    );
    check(
        &script,
        "queue rm orders",
        None,
        expect![[r#"
            exit 1: AnyMQ-1306 not confirmed: remove queue "orders" with 12 messages and 1 consumer. Commands that delete ask first, and nobody said yes. Fix: answer yes, or give --yes; --dry-run shows what would happen
        "#]],
    );
    check(
        &script,
        "queue purge orders",
        Some("no\n"),
        expect![[r#"
            About to remove 7 ready messages from queue "orders". Go on? [y/N] exit 1: AnyMQ-1306 not confirmed: remove 7 ready messages from queue "orders". Commands that delete ask first, and nobody said yes. Fix: answer yes, or give --yes; --dry-run shows what would happen
        "#]],
    );
    let deleted =
        |script: &Script| script.seen.lock().expect("notes").iter().any(|l| l.starts_with("DELETE"));
    assert!(!deleted(&script), "nothing was removed without consent");
    check(
        &script,
        "queue purge orders",
        Some("y\n"),
        expect![[r#"
            About to remove 7 ready messages from queue "orders". Go on? [y/N] removed 7 messages
        "#]],
    );
    check(
        &script,
        "queue rm orders --if-unused --yes",
        None,
        expect![[r#"
            removed queue "orders" with 12 messages
        "#]],
    );
    assert!(deleted(&script));
}

#[test]
fn bodies_say_what_was_asked() {
    let script = Script::new(&[
        ("PUT /api/v1/queues/shop/orders", 200, ""),
        ("POST /api/v1/bindings", 200, ""),
        ("PUT /api/v1/policies/%2F/operator/cap", 200, ""),
        ("PUT /api/v1/permissions/%2F/ann", 204, ""),
    ]);
    run(&script, "queue create orders --vhost shop --type quorum --arg x-max-length=5", None);
    run(&script, "binding create amq.topic orders --key a.#", None);
    run(&script, r#"policy set cap ^o {"max-length":9} --operator --apply-to queues"#, None);
    run(&script, "permission set ann --configure ^$ --write .* --read .*", None);
    let seen = script.seen.lock().expect("notes").join("\n");
    expect![[r#"
        PUT /api/v1/queues/shop/orders {"kind":null,"durable":true,"auto_delete":false,"internal":false,"arguments":{"x-max-length":5,"x-queue-type":"quorum"}}
        POST /api/v1/bindings {"vhost":"/","source":"amq.topic","destination_kind":"queue","destination":"orders","routing_key":"a.#","arguments":{}}
        PUT /api/v1/policies/%2F/operator/cap {"vhost":"/","name":"cap","pattern":"^o","apply_to":"queues","priority":0,"definition":{"max-length":9},"operator":true}
        PUT /api/v1/permissions/%2F/ann {"user":"ann","vhost":"/","configure":"^$","write":".*","read":".*"}"#]]
    .assert_eq(&seen);
}

#[test]
fn topics() {
    const LIST: &str = r#"{"total":1,"items":[{"vhost":"/","name":"news","kind":"stream","partitions":2,
        "messages":1500,"bytes":4096,"config":{"retention.ms":"1000"}}]}"#;
    const TOPIC: &str = r#"{"vhost":"/","name":"news","kind":"stream","partitions":2,"messages":1500,"bytes":4096,
        "config":{"retention.ms":"1000"},"detail":[{"number":0,"next_offset":1500}]}"#;
    let script = Script::new(&[
        ("GET /api/v1/topics?offset=0&limit=10000", 200, LIST),
        ("GET /api/v1/topics/%2F/news", 200, TOPIC),
        ("PUT /api/v1/topics/%2F/news", 200, ""),
        ("DELETE /api/v1/topics/%2F/news", 200, r#"{"messages":1500}"#),
    ]);
    check(
        &script,
        "topic ls",
        None,
        expect![[r#"
            VHOST  NAME  TYPE    PARTITIONS  MESSAGES    BYTES  CONFIG
            /      news  stream           2      1500  4.0 KiB  retention.ms=1000
        "#]],
    );
    let described = run(&script, "topic describe news", None);
    assert!(described.contains("next_offset") && described.contains("retention.ms"), "{described}");
    check(
        &script,
        "topic create news --partitions 2 --config retention.ms=1000",
        None,
        expect![[r#"
        topic "news" is there
    "#]],
    );
    check(
        &script,
        "topic delete news --dry-run",
        None,
        expect![[r#"
        would delete topic "news" with 2 partitions and 1500 messages
    "#]],
    );
    check(
        &script,
        "topic delete news --yes",
        None,
        expect![[r#"
        deleted topic "news" with 1500 messages
    "#]],
    );
    let seen = script.seen.lock().expect("notes").join("\n");
    assert!(seen.contains(r#"{"partitions":2,"config":{"retention.ms":"1000"}}"#), "{seen}");
    for wrong in ["--config x", "--config a=1 --config a=2"] {
        let said = run(&script, &format!("topic create news {wrong}"), None);
        assert!(said.contains("AnyMQ-1209"), "{said}");
    }
}

#[test]
fn problems_carry_their_exit_code() {
    let script = Script::new(&[
        (
            "GET /api/v1/queues/%2F/gone",
            404,
            r#"{"code":1201,"what":"queue \"gone\" not found","why":"Gone.","fix":"look"}"#,
        ),
        ("GET /api/v1/queues/%2F/secret", 403, r#"{"code":1104,"what":"no tag","why":"","fix":""}"#),
        ("GET /api/v1/queues/%2F/html", 502, "<html>"),
        ("GET /api/v1/queues/%2F/list", 200, "[1]"),
    ]);
    let cases = [
        ("gone", "exit 3: AnyMQ-1201 queue \"gone\" not found. Gone. Fix: look\n"),
        ("secret", "exit 4: AnyMQ-1104 no tag.\n"),
        ("html", "exit 1: AnyMQ-1305 "),
        ("list", "exit 1: AnyMQ-1305 "),
    ];
    for (name, expected) in cases {
        let text = run(&script, &format!("queue info {name}"), None);
        assert!(text.starts_with(expected), "{name}: {text}");
    }
}

#[test]
fn nobody_there_and_bad_urls() {
    let free = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    let target = |args: &[&str]| {
        let words = ["anymq", "health"].into_iter().chain(args.iter().copied());
        Line::try_parse_from(words).expect("command line").noun.target().client(None)
    };
    let client = target(&["--url", &format!("http://{free}")]).map_err(|p| p.to_string()).expect("client");
    let problem = client.get::<()>("/api/v1/overview").expect_err("nobody listens");
    assert_eq!((problem.code, problem.class().exit_code()), (1301, 5), "{problem}");
    for url in ["ftp://x", "127.0.0.1:15672", "http://", "http://x/path", "https://x"] {
        let problem = target(&["--url", url]).err().expect(url);
        assert_eq!(problem.code, 1310, "{url}: {problem}");
    }
    let problem = target(&["--user", "ann"]).err().expect("no password");
    assert_eq!(problem.code, 1102, "{problem}");
}
