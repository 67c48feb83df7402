//! Messages in: whole and in pieces, confirmed, returned, refused, in transactions.

use super::client::House;
use crate::wire::methods::{basic, confirm, exchange, queue, tx};
use crate::wire::{Encode, encode_body};

/// A property block that says: persistent.
const PERSISTENT: &[u8] = b"\x10\0\x02";

#[tokio::test]
async fn a_message_may_come_in_any_pieces() {
    let house = House::new();
    let mut client = house.channel().await;
    client.open_channel(2).await;
    client.declare("q").await;
    let publish = basic::Publish { routing_key: "q", ..Default::default() };
    // In pieces, with another channel in between, byte by byte.
    client.put(1, &publish).put_bytes(b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0\xce");
    client.put_bytes(b"\x03\0\x01\0\0\0\x02ab\xce").put(2, &basic::Qos::default());
    client.put_bytes(b"\x03\0\x01\0\0\0\0\xce\x03\0\x01\0\0\0\x03cde\xce");
    // Empty: no body frame.
    client.put_text("q", "");
    client.trickle().await;
    client.expect("2 BasicQosOk").await;
    // Long: many frames.
    let body = "0123456789".repeat(40_000);
    client.put(1, &publish).put_bytes(b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\x06\x1a\x80\0\0\xce");
    let mut frames = Vec::new();
    encode_body(1, body.as_bytes(), 20_000, &mut frames);
    client.put_bytes(&frames).pump().await;
    for expected in ["abcde", "", body.as_str()] {
        client.expect_message(expected).await;
    }
}

impl super::client::Client {
    /// Fetches one message from `q` and compares its body.
    async fn expect_message(&mut self, body: &str) {
        self.put(1, &basic::Get { queue: "q", no_ack: true, ..Default::default() }).send().await;
        self.expect("1 BasicGetOk").await;
        self.expect(&format!("1 header {}", body.len())).await;
        let mut got = String::new();
        while got.len() < body.len() {
            let frame = self.next().await;
            got.push_str(frame.strip_prefix("1 body ").expect("a body"));
        }
        assert!(got == body, "{} bytes differ", body.len());
    }
}

#[tokio::test]
async fn frames_out_of_turn_close_the_connection() {
    let house = House::new();
    let header = b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\x02\0\0\xce";
    let body = b"\x03\0\x01\0\0\0\x03abc\xce";
    let mut qos = Vec::new();
    basic::Qos::default().encode(1, &mut qos);
    let mut publish = Vec::new();
    basic::Publish { routing_key: "q", ..Default::default() }.encode(1, &mut publish);
    let cases: &[(&[&[u8]], u16, &str)] = &[
        (&[header], 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead"),
        (
            &[&publish, &qos],
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        ),
        (
            &[&publish, body],
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        ),
        (
            &[&publish, header, &publish],
            505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        ),
        (
            &[&publish, header, header],
            505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        ),
        (
            &[&publish, header, body],
            505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        ),
    ];
    for (pieces, code, text) in cases {
        let mut client = house.channel().await;
        client.put_bytes(&pieces.concat()).send().await;
        assert_eq!(client.error().await, (*code, (*text).to_owned()));
    }
}

#[tokio::test]
async fn confirms_wait_for_the_disk() {
    let house = House::uncommitted();
    let mut client = house.channel().await;
    client.put(1, &queue::Declare { queue: "q", durable: true, ..Default::default() }).send().await;
    client.expect_quiet().await;
    house.broker.log().commit_now();
    client.expect("1 QueueDeclareOk").await;
    assert_eq!(client.ask(&confirm::Select::default()).await, "1 ConfirmSelectOk(SelectOk)");
    let publish = basic::Publish { routing_key: "q", ..Default::default() };
    client.put_message(1, &publish, PERSISTENT, b"1").put_message(1, &publish, PERSISTENT, b"2").send().await;
    client.expect_quiet().await;
    house.broker.log().commit_now();
    client.expect("1 BasicAck(Ack { delivery_tag: 2, multiple: true })").await;
    // Nobody keeps it: no disk to wait for.
    client.put_text("nowhere", "x").send().await;
    client.expect("1 BasicAck(Ack { delivery_tag: 3, multiple: false })").await;
}

#[tokio::test]
async fn mandatory_messages_come_back_before_they_are_confirmed() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    client.put(1, &confirm::Select::default()).send().await;
    client.expect("1 ConfirmSelectOk").await;
    let publish = |routing_key| basic::Publish { routing_key, mandatory: true, ..Default::default() };
    client.put_message(1, &publish("q"), b"\0\0", b"kept");
    client.put_message(1, &publish("nope"), b"\x80\0\x01t", b"back");
    client.put_text("nope", "dropped").send().await;
    let expected = [
        "1 BasicReturn(Return { reply_code: 312, reply_text: \"NO_ROUTE\", exchange: \"\", routing_key: \"nope\" })",
        "1 header 4",
        "1 body back",
        "1 BasicAck(Ack { delivery_tag: 3, multiple: true })",
    ];
    assert_eq!(client.frames(4).await, expected);
}

#[tokio::test]
async fn a_publish_that_fails_closes_its_channel_and_no_other() {
    let house = House::new();
    let mut client = house.channel().await;
    client.open_channel(2).await;
    client.declare("q").await;
    let wrong = basic::Publish { exchange: "nope", routing_key: "q", ..Default::default() };
    let right = basic::Publish { routing_key: "q", ..Default::default() };
    client.put_text("q", "before").put_message(1, &wrong, b"\0\0", b"x").put_text("q", "after");
    client.put_message(2, &right, b"\0\0", b"other").send().await;
    let expected = "1 ChannelClose(Close { reply_code: 404, reply_text: \"NOT_FOUND - no exchange 'nope' in vhost '/'\", class_id: 60, method_id: 40 })";
    assert_eq!(client.next().await, expected);
    client.reopen().await;
    client.expect_message("before").await;
    client.expect_message("other").await;
    assert_eq!(
        client.ask(&basic::Get { queue: "q", ..Default::default() }).await,
        "1 BasicGetEmpty(GetEmpty { reserved_1: \"\" })"
    );
    // Bad properties are found before the hall sees the message.
    client.put_message(1, &right, b"\x01\0\x03abc", b"x").put_text("q", "after").send().await;
    let text = "PRECONDITION_FAILED - invalid expiration 'abc': no_integer";
    assert_eq!(client.error().await, (406, text.to_owned()));
    client.reopen().await;
    let too_large = b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\x10\0\x01\0\0\xce";
    client.put(1, &right).put_bytes(too_large).send().await;
    let text = "PRECONDITION_FAILED - message size 1048577 is larger than configured max size 1048576";
    assert_eq!(client.error().await, (406, text.to_owned()));
    client.reopen().await;
}

#[tokio::test]
async fn queues_may_refuse() {
    let house = House::new();
    let mut client = house.channel().await;
    let arguments = b"\x0cx-max-lengthI\0\0\0\x01\x0ax-overflowS\0\0\0\x0ereject-publish";
    let arguments = anymq_types::value::TableRef::parse(arguments).unwrap();
    client.put(1, &queue::Declare { queue: "small", arguments, ..Default::default() });
    client.put(1, &confirm::Select::default()).send().await;
    client.expect("1 QueueDeclareOk").await;
    client.expect("1 ConfirmSelectOk").await;
    client.put_text("small", "in").put_text("small", "out").put_text("nope", "gone").send().await;
    let expected = [
        "1 BasicAck(Ack { delivery_tag: 1, multiple: false })",
        "1 BasicNack(Nack { delivery_tag: 2, multiple: false, requeue: false })",
        "1 BasicAck(Ack { delivery_tag: 3, multiple: false })",
    ];
    assert_eq!(client.frames(3).await, expected);
}

#[tokio::test]
async fn transactions_are_all_or_nothing() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    client.put_text("q", "first").put_text("q", "second").send().await;
    client.put(1, &tx::Select {}).send().await;
    client.expect("1 TxSelectOk").await;
    let get = basic::Get { queue: "q", ..Default::default() };
    client.put(1, &get).put_text("q", "third");
    client.put(1, &basic::Ack { delivery_tag: 1, multiple: false }).put(1, &tx::Rollback {}).send().await;
    client.expect("1 BasicGetOk").await;
    assert_eq!(client.frames(2).await, ["1 header 5", "1 body first"]);
    client.expect("1 TxRollbackOk").await;
    // The settlement is undone: the tag is there to be settled again.
    client.put(1, &basic::Ack { delivery_tag: 1, multiple: false }).put_text("q", "fourth");
    client.put(1, &tx::Commit {}).put(1, &get).put(1, &get).put(1, &get).send().await;
    client.expect("1 TxCommitOk").await;
    for body in ["second", "fourth"] {
        client.expect("1 BasicGetOk").await;
        assert_eq!(client.frames(2).await[1], format!("1 body {body}"));
    }
    client.expect("1 BasicGetEmpty").await;
    // A commit that fails does nothing.
    client.put_text("q", "fifth");
    client.put_message(1, &basic::Publish { exchange: "nope", ..Default::default() }, b"\0\0", b"x");
    assert_eq!(
        client.fail(&tx::Commit {}).await,
        (404, "NOT_FOUND - no exchange 'nope' in vhost '/'".to_owned())
    );
    client.reopen().await;
    let declare = queue::Declare { queue: "q", passive: true, ..Default::default() };
    client.expect_after(&declare, "message_count: 2").await;
}

impl super::client::Client {
    /// Sends `method` on channel 1 and looks for `part` in the answer.
    async fn expect_after(&mut self, method: &impl Encode, part: &str) {
        let answer = self.ask(method).await;
        assert!(answer.contains(part), "{answer}");
    }
}

#[tokio::test]
async fn every_copy_of_a_fan_out_arrives() {
    let house = House::new();
    let mut client = house.channel().await;
    client.put(1, &exchange::Declare { exchange: "all", kind: "fanout", ..Default::default() }).send().await;
    client.expect("1 ExchangeDeclareOk").await;
    for queue in ["a", "b", "c"] {
        client.declare(queue).await;
        client.put(1, &queue::Bind { queue, exchange: "all", ..Default::default() }).send().await;
        client.expect("1 QueueBindOk").await;
    }
    client
        .put_message(1, &basic::Publish { exchange: "all", ..Default::default() }, b"\0\0", b"news")
        .send()
        .await;
    for queue in ["a", "b", "c"] {
        client.put(1, &basic::Get { queue, ..Default::default() }).send().await;
        client.expect("1 BasicGetOk").await;
        assert_eq!(client.frames(2).await[1], "1 body news");
    }
}
