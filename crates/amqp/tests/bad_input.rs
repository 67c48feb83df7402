//! Bad input of every kind over real sockets: each gets its own error, and a connection beside it goes on working.

#![allow(clippy::unwrap_used, reason = "in a test a failure is a panic")]

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anymq_amqp::Config;
use anymq_amqp::wire::methods::{basic, channel, connection, queue};
use anymq_amqp::wire::{Encode, Method, PROTOCOL_HEADER, Payload, encode_content, parse_frame};
use anymq_broker::{Broker, Options};
use anymq_net::{Lifecycle, Listener};
use anymq_runtime::{Clock, FaultDisk, SystemClock};
use anymq_types::value::TableRef;

/// No test waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const FRAME_MAX: u32 = 131_072;

/// A broker behind a listening socket, on a disk in memory.
struct House {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
    life: Lifecycle,
}

impl House {
    fn new(config: Config) -> House {
        let options = Options {
            config: anymq_broker::Config::default(),
            log: anymq_log::Config { segment_bytes: 1 << 20, ..anymq_log::Config::default() },
            disk: Arc::new(FaultDisk::new()),
            clock: Arc::new(SystemClock),
            seed: Some(7),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: false,
        };
        let broker = Broker::open(options).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _inside = runtime.enter();
        let sockets = anymq_net::Config {
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 0,
            ..anymq_net::Config::default()
        };
        let listener = Listener::bind("amqp", &sockets).unwrap();
        let address = listener.plain_addresses()[0];
        let life = Lifecycle::new();
        anymq_amqp::serve(listener, broker, config, &life);
        House { address, _runtime: runtime, life }
    }

    fn socket(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, input: Vec::new() }
    }

    /// A socket that has heard `connection.start`.
    fn greeted(&self) -> Client {
        let mut client = self.socket();
        client.send(&PROTOCOL_HEADER);
        assert!(client.next().starts_with("0 ConnectionStart("));
        client
    }

    /// An open connection with channel 1 open.
    fn channel(&self) -> Client {
        self.channel_of(2047)
    }

    /// The same, with at most so many channels agreed on.
    fn channel_of(&self, channel_max: u16) -> Client {
        let mut client = self.greeted();
        client.send(&start_ok("PLAIN", b"\0guest\0guest"));
        assert!(client.next().starts_with("0 ConnectionTune("));
        client.put(0, &connection::TuneOk { channel_max, frame_max: FRAME_MAX, heartbeat: 0 });
        client.put(0, &connection::Open { virtual_host: "/", ..Default::default() });
        assert!(client.next().starts_with("0 ConnectionOpenOk"));
        client.put(1, &channel::Open::default());
        assert!(client.next().starts_with("1 ChannelOpenOk"));
        client
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.life.stopping().cancel();
    }
}

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    /// Writes what the server takes; it may have closed the socket already.
    fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(gone.contains(&error.kind()), "{error}");
        }
    }

    fn put(&mut self, channel: u16, method: &impl Encode) {
        let mut out = Vec::new();
        method.encode(channel, &mut out);
        self.send(&out);
    }

    /// Reads once; false at the end.
    fn read(&mut self) -> bool {
        let mut buf = [0; 4_096];
        match self.stream.read(&mut buf) {
            Ok(bytes) => {
                self.input.extend_from_slice(&buf[..bytes]);
                bytes > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next frame in words; a close as code and text; `end`.
    fn next(&mut self) -> String {
        loop {
            if let Some((frame, len)) = parse_frame(&self.input, 0).unwrap() {
                let channel = frame.channel;
                let shown = match frame.payload {
                    Payload::Method(method) => match method.decode().unwrap() {
                        Method::ConnectionClose(close) => {
                            format!("{} {}", close.reply_code, close.reply_text)
                        }
                        Method::ChannelClose(close) => {
                            format!("channel {} {}", close.reply_code, close.reply_text)
                        }
                        other => format!("{channel} {other:?}"),
                    },
                    other => format!("{channel} {other:?}"),
                };
                self.input.drain(..len);
                return shown;
            }
            if !self.read() {
                return "end".into();
            }
        }
    }

    /// Everything until the end, as bytes.
    fn rest(&mut self) -> Vec<u8> {
        while self.read() {}
        std::mem::take(&mut self.input)
    }
}

/// A connection that goes on with its work.
struct Witness(Client);

impl Witness {
    fn new(house: &House) -> Witness {
        let mut client = house.channel();
        client.put(1, &queue::Declare { queue: "witness", ..Default::default() });
        assert!(client.next().starts_with("1 QueueDeclareOk"));
        Witness(client)
    }

    /// A message goes in and comes out.
    fn works(&mut self, after: &str) {
        let mut out = Vec::new();
        basic::Publish { routing_key: "witness", ..Default::default() }.encode(1, &mut out);
        encode_content(1, b"\0\0", after.as_bytes(), FRAME_MAX, &mut out);
        basic::Get { queue: "witness", no_ack: true, ..Default::default() }.encode(1, &mut out);
        self.0.send(&out);
        let seen = [self.0.next(), self.0.next(), self.0.next()];
        assert!(seen[0].starts_with("1 BasicGetOk"), "after {after}: {seen:?}");
        assert_eq!(seen[2], format!("1 {:?}", Payload::Body(after.as_bytes())));
    }
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
    out.push(0xCE);
    out
}

fn method(class_id: u16, method_id: u16, args: &[u8]) -> Vec<u8> {
    frame(1, 1, &[&class_id.to_be_bytes()[..], &method_id.to_be_bytes(), args].concat())
}

fn encoded(channel: u16, method: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    method.encode(channel, &mut out);
    out
}

fn header(body: u64, flags_and_props: &[u8]) -> Vec<u8> {
    frame(2, 1, &[&[0, 60, 0, 0][..], &body.to_be_bytes(), flags_and_props].concat())
}

fn start_ok(mechanism: &str, response: &[u8]) -> Vec<u8> {
    // Capabilities: a client that wants to hear why its login failed.
    let properties = b"\x0ccapabilitiesF\0\0\0\x1f\x1cauthentication_failure_closet\x01";
    let client_properties = TableRef::parse(properties).unwrap();
    encoded(0, &connection::StartOk { client_properties, mechanism, response, locale: "en_US" })
}

/// Arguments of `queue.declare` up to its table.
fn declare(name: &[u8], table: &[u8]) -> Vec<u8> {
    let mut args = vec![0, 0, u8::try_from(name.len()).unwrap()];
    args.extend_from_slice(name);
    args.push(0);
    args.extend_from_slice(table);
    method(50, 10, &args)
}

/// Name, what is sent, and how the error begins.
type Case = (&'static str, Vec<u8>, &'static str);

fn framing() -> Vec<Case> {
    vec![
        (
            "a frame too large",
            b"\x01\0\x01\0\x03\x0d\x40".to_vec(),
            "501 FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,200000,131064}",
        ),
        ("a frame of 4 GiB", b"\x03\0\x01\xff\xff\xff\xff".to_vec(), "501 FRAME_ERROR"),
        (
            "a wrong end of frame",
            b"\x08\0\0\0\0\0\0\xcf".to_vec(),
            "501 FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,207}",
        ),
        ("an unknown frame type", frame(5, 1, b"abc"), "501 FRAME_ERROR - type 5"),
        (
            "a method without ids",
            frame(1, 1, &[0, 50]),
            "501 FRAME_ERROR - type 1, all octets = <<0,50>>: unknown_frame",
        ),
        ("an unknown class", method(99, 10, b""), "503 COMMAND_INVALID - unknown method 99,10"),
        ("an unknown method", method(60, 999, b""), "503 COMMAND_INVALID - unknown method 60,999"),
        (
            "arguments cut short",
            method(50, 10, &[0, 0, 9, b'x']),
            "501 FRAME_ERROR - cannot decode the arguments of method 50,10",
        ),
        ("more than the arguments", method(60, 10, b"\0\0\0\0\0\0\0extra"), "501 FRAME_ERROR"),
        ("a heartbeat on a channel", frame(8, 1, b""), "505 UNEXPECTED_FRAME"),
        ("a heartbeat with a payload", frame(8, 0, b"x"), "501 FRAME_ERROR"),
        ("a body on channel 0", frame(3, 0, b"x"), "505 UNEXPECTED_FRAME"),
        (
            "a name that is not UTF-8",
            declare(b"\xff\xfe", b"\0\0\0\0"),
            "501 FRAME_ERROR - Malformed UTF-8 in shortstr",
        ),
        (
            "a table with an unknown type",
            declare(b"q", b"\0\0\0\x03\x01a?"),
            "502 SYNTAX_ERROR - unknown field type 0x3f",
        ),
        ("a table longer than its frame", declare(b"q", b"\0\0\x10\0\x01aV"), "501 FRAME_ERROR"),
        (
            "a table with a length that lies",
            declare(b"q", b"\0\0\0\x07\x01aS\xff\xff\xff\xff"),
            "502 SYNTAX_ERROR - field table is cut short",
        ),
        (
            "a table of very many values",
            declare(b"q", &[&32_770u32.to_be_bytes()[..], &b"\0V".repeat(16_385)].concat()),
            "502 SYNTAX_ERROR - field table has more than 16384 values",
        ),
        (
            "tables within tables",
            declare(b"q", &nested(100)),
            "502 SYNTAX_ERROR - field table is nested deeper than 64 levels",
        ),
    ]
}

/// A table in a table in a table.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..depth {
        bytes = [&b"\x01aF"[..], &u32::try_from(bytes.len()).unwrap().to_be_bytes(), &bytes].concat();
    }
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
}

fn contents() -> Vec<Case> {
    let publish = encoded(1, &basic::Publish { routing_key: "nowhere", ..Default::default() });
    let qos = encoded(1, &basic::Qos::default());
    let with = |more: &[&[u8]]| [&publish, &*more.concat()].concat();
    let no_body = "505 UNEXPECTED_FRAME - expected content body, got non content body frame instead";
    let no_header =
        "505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead";
    let no_method = "505 UNEXPECTED_FRAME - expected method frame, got non method frame instead";
    let of_class = frame(2, 1, &[0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0]);
    vec![
        ("a header without a method", header(3, b"\0\0"), no_method),
        ("a body without a method", frame(3, 1, b"abc"), no_method),
        ("a method instead of a header", with(&[&qos]), no_header),
        ("a body instead of a header", with(&[&frame(3, 1, b"abc")]), no_header),
        (
            "a header of another class",
            with(&[&of_class]),
            "505 UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
        ),
        (
            "a method in the middle of a body",
            with(&[&header(6, b"\0\0"), &frame(3, 1, b"abc"), &qos]),
            no_body,
        ),
        ("a header in the middle of a body", with(&[&header(6, b"\0\0"), &header(6, b"\0\0")]), no_body),
        (
            "a body longer than its header says",
            with(&[&header(3, b"\0\0"), &frame(3, 1, b"abcdef"), &qos]),
            "505 UNEXPECTED_FRAME",
        ),
        ("a body after an empty message", with(&[&header(0, b"\0\0"), &frame(3, 1, b"x")]), no_method),
        ("properties cut short", with(&[&header(0, b"\x80\0"), &qos]), "502 SYNTAX_ERROR"),
        (
            "headers that are no table",
            with(&[&header(0, b"\x20\0\0\0\0\x03\x01a?"), &qos]),
            "502 SYNTAX_ERROR - ",
        ),
        (
            "a body of 2^63 bytes",
            with(&[&header(1 << 63, b"\0\0")]),
            "channel 406 PRECONDITION_FAILED - message size 9223372036854775808 is larger than configured max size",
        ),
    ]
}

fn channels() -> Vec<Case> {
    let closed = [
        encoded(1, &channel::Close { reply_code: 200, ..Default::default() }),
        encoded(1, &basic::Qos::default()),
    ];
    vec![
        (
            "a method on a channel that is not open",
            encoded(7, &basic::Qos::default()),
            "504 CHANNEL_ERROR - expected 'channel.open'",
        ),
        (
            "a method on a channel that was closed",
            closed.concat(),
            "504 CHANNEL_ERROR - expected 'channel.open'",
        ),
        (
            "a channel opened twice",
            encoded(1, &channel::Open::default()),
            "504 CHANNEL_ERROR - second 'channel.open' seen",
        ),
        (
            "a method for a channel on channel 0",
            encoded(0, &basic::Qos::default()),
            "504 CHANNEL_ERROR - unexpected method in connection state running",
        ),
        ("a method of a server", encoded(1, &queue::DeclareOk::default()), "503 COMMAND_INVALID"),
        ("a second start-ok", start_ok("PLAIN", b"\0guest\0guest"), "504 CHANNEL_ERROR"),
        ("a second open", encoded(0, &connection::Open::default()), "504 CHANNEL_ERROR"),
    ]
}

#[test]
fn bad_input_has_its_error_and_leaves_others_alone() {
    let house = House::new(Config::default());
    let mut witness = Witness::new(&house);
    let mut wrong = Vec::new();
    for (name, bytes, expected) in framing().into_iter().chain(contents()).chain(channels()) {
        let mut client = house.channel();
        client.send(&bytes);
        let mut seen = client.next();
        while seen.starts_with("1 ChannelCloseOk") {
            seen = client.next();
        }
        if !seen.starts_with(expected) {
            wrong.push(format!("{name}: {seen}, not {expected}"));
        }
        witness.works(name);
        // A client may go on talking after its connection was closed: nothing more is done for it.
        if !seen.starts_with("channel") {
            client.put(1, &queue::Declare { queue: "afterwards", ..Default::default() });
            client.put(0, &connection::CloseOk {});
            assert_eq!(client.next(), "end", "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut client = house.channel();
    client.put(1, &queue::Declare { queue: "afterwards", passive: true, ..Default::default() });
    assert!(client.next().starts_with("channel 404"));
}

#[test]
fn bad_handshakes_have_their_errors() {
    let house = House::new(Config::default());
    let mut witness = Witness::new(&house);
    let refused = "403 ACCESS_REFUSED - Login was refused using authentication mechanism";
    let cases: Vec<Case> = vec![
        (
            "an unknown mechanism",
            start_ok("CRAM-MD5", b""),
            "503 COMMAND_INVALID - unknown authentication mechanism 'CRAM-MD5'",
        ),
        (
            "PLAIN without a password",
            start_ok("PLAIN", b"\0guest"),
            "502 SYNTAX_ERROR - PLAIN response invalid",
        ),
        ("PLAIN that is noise", start_ok("PLAIN", &[0xff; 300]), "502 SYNTAX_ERROR - PLAIN response invalid"),
        ("PLAIN with noise for a name", start_ok("PLAIN", b"\0\xff\xfe\0\xff"), refused),
        (
            "PLAIN with a long password",
            start_ok("PLAIN", &[&b"\0guest\0"[..], &[b'x'; 3_900]].concat()),
            refused,
        ),
        (
            "PLAIN longer than a frame",
            start_ok("PLAIN", &[b'x'; 5_000]),
            "501 FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,",
        ),
        (
            "AMQPLAIN that is noise",
            start_ok("AMQPLAIN", &[0xff; 300]),
            "502 SYNTAX_ERROR - AMQPLAIN auth info is not a field table",
        ),
        (
            "AMQPLAIN with a number",
            start_ok("AMQPLAIN", b"\x05LOGINI\0\0\0\x01\x08PASSWORDS\0\0\0\x01p"),
            "502 SYNTAX_ERROR - AMQPLAIN auth info uses unsupported type",
        ),
        (
            "tables within tables",
            frame(1, 0, &[&[0, 10, 0, 11][..], &nested(100), b"\x05PLAIN\0\0\0\0\0"].concat()),
            "502 SYNTAX_ERROR",
        ),
        (
            "open before the login",
            encoded(0, &connection::Open::default()),
            "504 CHANNEL_ERROR - unexpected method in connection state starting",
        ),
        ("a method on a channel", encoded(1, &channel::Open::default()), "505 UNEXPECTED_FRAME"),
        ("a body", frame(3, 0, b"x"), "505 UNEXPECTED_FRAME"),
        ("a wrong end of frame", b"\x08\0\0\0\0\0\0\xcf".to_vec(), "501 FRAME_ERROR"),
    ];
    for (name, bytes, expected) in cases {
        let mut client = house.greeted();
        client.send(&bytes);
        let seen = client.next();
        assert!(seen.starts_with(expected), "{name}: {seen}");
        witness.works(name);
    }
    for hello in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00", &[0xff; 8]]
    {
        let mut client = house.socket();
        client.send(hello);
        assert_eq!(client.rest(), PROTOCOL_HEADER);
        witness.works("another protocol");
    }
}

#[test]
fn a_channel_more_than_agreed_is_refused() {
    let house = House::new(Config::default());
    let mut witness = Witness::new(&house);
    let mut client = house.channel_of(2);
    // The number does not matter, how many there are does.
    client.put(60_000, &channel::Open::default());
    assert!(client.next().starts_with("60000 ChannelOpenOk"));
    client.put(2, &channel::Open::default());
    let text = "530 NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)";
    assert_eq!(client.next(), text);
    witness.works("a channel too many");
}

/// A client of each sort that does not get through the handshake in time is let go, and no later than that.
#[test]
fn who_dawdles_in_the_handshake_is_cut_off() {
    assert_eq!(Config::default().handshake_timeout, Duration::from_secs(10));
    let timeout = Duration::from_secs(1);
    let house = House::new(Config { handshake_timeout: timeout, ..Config::default() });
    let login = start_ok("PLAIN", b"\0guest\0guest");
    let cases: [(&str, &[u8]); 5] = [
        ("silent", b""),
        ("a header cut short", &PROTOCOL_HEADER[..5]),
        ("a header", &PROTOCOL_HEADER),
        ("half a login", &[&PROTOCOL_HEADER, &login[..login.len() / 2]].concat()),
        ("no tune-ok", &[&PROTOCOL_HEADER, &*login].concat()),
    ];
    let begun = SystemClock.monotonic();
    let elapsed = || SystemClock.monotonic() - begun;
    let mut dawdlers: Vec<_> = cases.iter().map(|(name, bytes)| (*name, house.socket(), *bytes)).collect();
    dawdlers.iter_mut().for_each(|(_, client, bytes)| client.send(bytes));
    // One byte at a time, and never done: what comes does not give more time.
    let mut slow = house.socket();
    slow.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let drip = [&PROTOCOL_HEADER[..], b"\x01\0\0\0\0\x0f\xf0", &[0; 4_000]].concat();
    let mut sent = 0;
    let mut buf = [0; 4_096];
    let cut = loop {
        slow.send(&drip[sent..=sent]);
        sent += 1;
        match slow.stream.read(&mut buf) {
            Ok(0) => break elapsed(),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break elapsed(),
            _ => {
                assert!(elapsed() < PATIENCE && sent < drip.len(), "still connected after {sent} bytes")
            }
        }
    };
    assert!(cut >= timeout, "{cut:?}");
    for (name, client, _) in &mut dawdlers {
        client.rest();
        let took = elapsed();
        assert!(took >= timeout && took < timeout + Duration::from_secs(5), "{name}: {took:?}");
    }
    Witness::new(&house).works("all of them");
}
