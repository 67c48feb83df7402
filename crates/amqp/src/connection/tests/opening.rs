//! The handshake, its limits and its errors; the end of connections.

use super::client::{House, client_properties};
use crate::config::Config;
use crate::wire::methods::{channel, connection, queue};
use crate::wire::{Encode, FRAME_MIN_SIZE, Method, PROTOCOL_HEADER, Payload, encode_heartbeat};

#[tokio::test]
async fn a_client_is_told_what_clients_look_for() {
    let house = House::new();
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client
        .take(|frame| {
            let Payload::Method(method) = frame.payload else { panic!("{frame:?}") };
            let Ok(Method::ConnectionStart(start)) = method.decode() else { panic!("{method:?}") };
            assert_eq!((start.version_major, start.version_minor, start.locales), (0, 9, &b"en_US"[..]));
            assert_eq!(start.mechanisms, b"PLAIN AMQPLAIN", "EXTERNAL is for TLS");
            let text = |name: &str| start.server_properties.get(name).and_then(|value| value.as_str());
            assert_eq!((text("product"), text("version")), (Some("RabbitMQ"), Some("4.0.5")));
            let capabilities =
                start.server_properties.get("capabilities").and_then(|v| v.as_table()).unwrap();
            assert_eq!(capabilities.iter().count(), 9);
            assert!(capabilities.iter().all(|(_, value)| value.as_bool() == Some(true)));
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_whole_handshake_may_come_at_once() {
    let house = House::new();
    let mut client = house.socket();
    let properties = client_properties();
    client.put_bytes(&PROTOCOL_HEADER);
    let client_properties = anymq_types::value::TableRef::parse(&properties).unwrap();
    let ok = connection::StartOk {
        client_properties,
        mechanism: "PLAIN",
        response: b"\0guest\0guest",
        locale: "en_US",
    };
    client.put(0, &ok);
    client.put(0, &connection::TuneOk { channel_max: 10, frame_max: FRAME_MIN_SIZE, heartbeat: 0 });
    client.put(0, &connection::Open { virtual_host: "/", ..Default::default() });
    client.put(1, &channel::Open::default());
    client.trickle().await;
    for expected in ["0 ConnectionStart", "0 ConnectionTune", "0 ConnectionOpenOk", "1 ChannelOpenOk"] {
        client.expect(expected).await;
    }
}

#[tokio::test]
async fn amqplain_lets_in_too() {
    let house = House::new();
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.start(b"", "AMQPLAIN", b"\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05guest").await;
    client.expect("0 ConnectionTune(Tune { channel_max: 2047, frame_max: 131072, heartbeat: 60 })").await;
}

#[tokio::test]
async fn what_is_not_amqp_hears_which_protocol_is_spoken() {
    let house = House::new();
    for hello in [&b"GET / HTTP/1.1\r\n"[..], b"AMQP\x00\x01\x00\x00", b"\x16\x03\x01\x02\x00\x01\x00\x01"] {
        let mut client = house.socket();
        client.put_bytes(hello).send().await;
        assert_eq!(client.raw().await, PROTOCOL_HEADER);
        assert_eq!(client.raw().await, b"");
    }
}

#[tokio::test]
async fn a_bad_login_is_told_to_those_who_want_to_know() {
    let house = House::new();
    let text = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.";
    for response in [&b"\0guest\0wrong"[..], b"\0nobody\0guest", b"\0\0", b"\0\xff\0guest"] {
        let mut client = house.socket();
        client.put_bytes(&PROTOCOL_HEADER).send().await;
        client.expect("0 ConnectionStart").await;
        client.start(&client_properties(), "PLAIN", response).await;
        assert_eq!(client.error().await, (403, text.to_owned()));
    }
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.start(b"", "PLAIN", b"\0guest\0wrong").await;
    assert_eq!(client.next().await, "end");
}

#[tokio::test]
async fn guest_comes_from_this_host_only() {
    let text = |mechanism: &str| {
        let text = format!("ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. ");
        (403, text + "For details see the broker logfile.")
    };
    let plain = ("PLAIN", &b"\0guest\0guest"[..]);
    let amqplain = ("AMQPLAIN", &b"\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05guest"[..]);
    let house = House::new();
    let put = anymq_catalog::Change::UserPut(anymq_catalog::User {
        name: "other".into(),
        password: house.broker.hash_password(b"other"),
        scram: Default::default(),
        tags: Default::default(),
        limits: Default::default(),
    });
    house.broker.change(put).unwrap();
    for peer in ["192.0.2.7:4000", "[2001:db8::7]:4000", "[::ffff:192.0.2.7]:4000"] {
        for (mechanism, response) in [plain, amqplain] {
            let mut client = house.socket_from(peer);
            client.put_bytes(&PROTOCOL_HEADER).send().await;
            client.expect("0 ConnectionStart").await;
            client.start(&client_properties(), mechanism, response).await;
            assert_eq!(client.error().await, text(mechanism), "{peer}");
        }
        // Those who cannot take the answer hear nothing; other users are not asked where they come from.
        for (response, expected) in [(plain.1, "end"), (b"\0other\0other", "0 ConnectionTune")] {
            let mut client = house.socket_from(peer);
            client.put_bytes(&PROTOCOL_HEADER).send().await;
            client.expect("0 ConnectionStart").await;
            client.start(b"", "PLAIN", response).await;
            client.expect(expected).await;
        }
    }
    let everywhere = anymq_broker::Config { loopback_users: Vec::new(), ..Default::default() };
    let open = House::over(true, Config::default(), everywhere);
    for (house, peer) in [(&house, "127.8.9.1:4000"), (&house, "[::1]:4000"), (&open, "192.0.2.7:4000")] {
        house.socket_from(peer).open(client_properties(), "/").await;
    }
}

#[tokio::test]
async fn connections_are_counted() {
    let limits = anymq_broker::Config { connections_max: 1, ..Default::default() };
    let house = House::over(true, Config::default(), limits);
    let mut first = house.connect().await;
    let mut second = house.socket();
    second.ask_to_open(client_properties(), "/").await;
    let text = "NOT_ALLOWED - connection refused: node connection limit (1) is reached";
    assert_eq!(second.error().await, (530, text.to_owned()));
    // The one that is there goes on; when it is gone there is room.
    first.open_channel(1).await;
    first.put(0, &connection::Close::default()).send().await;
    first.expect("0 ConnectionCloseOk").await;
    house.connect().await.open_channel(1).await;
}

#[tokio::test]
async fn an_operator_who_closes_a_connection_says_why() {
    let house = House::new();
    let mut client = house.channel().await;
    let mut other = house.channel().await;
    let id = house.broker.connections()[0].id;
    house.broker.close_connection(id, "maintenance: please come back").unwrap();
    let text = "CONNECTION_FORCED - maintenance: please come back";
    assert_eq!(client.error().await, (320, text.to_owned()));
    client.put(0, &connection::CloseOk {}).send().await;
    assert_eq!(client.next().await, "end");
    other.declare("still-here").await;
    assert!(house.broker.close_connection(id, "again").is_err());
}

#[tokio::test]
async fn bad_steps_have_their_errors() {
    let house = House::new();
    let cases: &[(&str, &[u8], u16, &str)] = &[
        ("CRAM", b"", 503, "COMMAND_INVALID - unknown authentication mechanism 'CRAM'"),
        ("EXTERNAL", b"", 503, "COMMAND_INVALID - invalid authentication mechanism 'EXTERNAL'"),
        ("PLAIN", b"guest", 502, "SYNTAX_ERROR - PLAIN response invalid"),
        ("AMQPLAIN", b"", 502, "SYNTAX_ERROR - AMQPLAIN auth info is missing LOGIN or PASSWORD field"),
    ];
    for (mechanism, response, code, text) in cases {
        let mut client = house.socket();
        client.put_bytes(&PROTOCOL_HEADER).send().await;
        client.expect("0 ConnectionStart").await;
        client.start(&client_properties(), mechanism, response).await;
        assert_eq!(client.error().await, (*code, (*text).to_owned()));
    }
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.put(0, &connection::Open::default()).send().await;
    assert_eq!(
        client.error().await,
        (504, "CHANNEL_ERROR - unexpected method in connection state starting".into())
    );
}

#[tokio::test]
async fn limits_are_negotiated_downwards() {
    let house = House::new();
    let tune = |channel_max, frame_max| connection::TuneOk { channel_max, frame_max, heartbeat: 0 };
    let cases = [
        (tune(0, 131_072), "channel_max = 0 (no limit) is higher than the maximum allowed value (2047)"),
        (tune(2048, 131_072), "channel_max = 2048 is higher than the maximum allowed value (2047)"),
        (tune(1, 131_073), "frame_max = 131073 is higher than the maximum allowed value (131072)"),
        (tune(1, 0), "frame_max = 0 is higher than the maximum allowed value (131072)"),
        (tune(1, 4095), "frame_max = 4095 is lower than the minimum allowed value (4096)"),
    ];
    for (ok, text) in cases {
        let mut client = house.socket();
        client.put_bytes(&PROTOCOL_HEADER).send().await;
        client.expect("0 ConnectionStart").await;
        client.start(&client_properties(), "PLAIN", b"\0guest\0guest").await;
        client.expect("0 ConnectionTune").await;
        client.put(0, &ok).send().await;
        assert_eq!(client.error().await, (530, format!("NOT_ALLOWED - negotiated {text}")));
    }
}

#[tokio::test]
async fn a_vhost_that_is_not_there_is_refused() {
    let house = House::new();
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.start(&client_properties(), "PLAIN", b"\0guest\0guest").await;
    client.expect("0 ConnectionTune").await;
    client.put(0, &connection::TuneOk { channel_max: 1, frame_max: 4096, heartbeat: 0 });
    client.put(0, &connection::Open { virtual_host: "nope", ..Default::default() }).send().await;
    assert_eq!(client.error().await, (530, "NOT_ALLOWED - vhost nope not found".into()));
    client.put(0, &connection::CloseOk {}).send().await;
    assert_eq!(client.next().await, "end");
}

#[tokio::test]
async fn before_the_login_frames_are_small() {
    let house = House::new();
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.put_bytes(b"\x01\0\0\xff\xff\xff\xff").send().await;
    let text = "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4294967295,4088}";
    assert_eq!(client.error().await, (501, text.to_owned()));
    assert_eq!(client.next().await, "end");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_too_long_is_let_go() {
    let house = House::new();
    let mut silent = house.socket();
    let mut slow = house.socket();
    slow.put_bytes(&PROTOCOL_HEADER).send().await;
    slow.expect("0 ConnectionStart").await;
    assert_eq!(slow.next().await, "end");
    assert_eq!(silent.next().await, "end");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_both_ways() {
    let house = House::with(true, Config::default());
    let mut client = house.socket();
    client.put_bytes(&PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.start(&client_properties(), "PLAIN", b"\0guest\0guest").await;
    client.expect("0 ConnectionTune").await;
    client.put(0, &connection::TuneOk { channel_max: 10, frame_max: 4096, heartbeat: 4 });
    client.put(0, &connection::Open { virtual_host: "/", ..Default::default() }).send().await;
    client.expect("0 ConnectionOpenOk").await;
    let mut beat = Vec::new();
    encode_heartbeat(&mut beat);
    for _ in 0..8 {
        assert_eq!(client.next().await, "0 heartbeat");
        client.put_bytes(&beat).send().await;
    }
    // Silent from here on: the server beats at most once an interval, and ends after a little more than two.
    let mut beats = 0;
    while client.next().await == "0 heartbeat" {
        beats += 1;
    }
    assert!((2..=3).contains(&beats), "{beats}");
}

#[tokio::test]
async fn a_connection_ends_when_the_client_says_so() {
    let house = House::new();
    let mut client = house.channel().await;
    client.put(1, &queue::Declare { queue: "mine", exclusive: true, ..Default::default() }).send().await;
    client.expect("1 QueueDeclareOk").await;
    client
        .put(0, &connection::Close { reply_code: 200, reply_text: "bye", ..Default::default() })
        .send()
        .await;
    client.expect("0 ConnectionCloseOk").await;
    // What was exclusive is gone by the time the client hears the answer.
    let mut other = house.channel().await;
    let declare = queue::Declare { queue: "mine", passive: true, ..Default::default() };
    assert_eq!(other.fail(&declare).await, (404, "NOT_FOUND - no queue 'mine' in vhost '/'".into()));
    assert_eq!(client.next().await, "end");
}

#[tokio::test]
async fn a_shutdown_is_announced() {
    let house = House::new();
    let mut client = house.connect().await;
    house.stopping.cancel();
    let text = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
    assert_eq!(client.error().await, (320, text.to_owned()));
    client.put(0, &connection::CloseOk {}).send().await;
    assert_eq!(client.next().await, "end");
}

#[tokio::test]
async fn secrets_are_renewed() {
    let house = House::new();
    let mut client = house.connect().await;
    client.put(0, &connection::UpdateSecret { new_secret: b"whatever", reason: "" });
    client.put(5, &channel::Open::default()).send().await;
    client.expect("0 ConnectionUpdateSecretOk").await;
    client.expect("5 ChannelOpenOk").await;
}

#[tokio::test]
async fn frames_out_of_place_close_the_connection() {
    let house = House::new();
    let mut method = Vec::new();
    channel::Flow { active: true }.encode(0, &mut method);
    let cases: &[(&[u8], u16, &str)] = &[
        (b"\x08\0\x01\0\0\0\0\xce", 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>"),
        (b"\x03\0\0\0\0\0\x01a\xce", 505, "UNEXPECTED_FRAME - type 3, all octets = <<\"a\">>"),
        (b"\x09\0\0\0\0\0\0\xce", 501, "FRAME_ERROR - type 9, all octets = <<>>: unknown_frame"),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x63\xce", 503, "COMMAND_INVALID - unknown method 10,99"),
        (&method, 504, "CHANNEL_ERROR - unexpected method in connection state running"),
        (
            b"\x03\0\0\0\0\0\x01ab",
            501,
            "FRAME_ERROR - type 3, all octets = <<\"a\">>: {invalid_frame_end_marker,98}",
        ),
    ];
    for (bytes, code, text) in cases {
        let mut client = house.connect().await;
        client.put_bytes(bytes).send().await;
        assert_eq!(client.error().await, (*code, (*text).to_owned()));
    }
}
