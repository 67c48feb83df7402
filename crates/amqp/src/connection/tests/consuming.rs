//! Messages out: consumers, prefetch, settling, recovery, replies.

use super::client::{Client, House};
use crate::wire::methods::{basic, channel, queue};

impl Client {
    /// The next delivery: its tag, whether it is a redelivery, its body.
    async fn delivery(&mut self) -> (u64, bool, String) {
        use crate::wire::{Method, Payload};
        let look = |frame: &crate::wire::Frame<'_>| match frame.payload {
            Payload::Method(method) => match method.decode().unwrap() {
                Method::BasicDeliver(deliver) => (deliver.delivery_tag, deliver.redelivered),
                other => panic!("expected a delivery, got {other:?}"),
            },
            _ => panic!("expected a delivery, got {}", super::client::show(frame)),
        };
        let (tag, redelivered) = self.take(look).await.expect("a delivery before the end");
        let rest = self.frames(2).await;
        (tag, redelivered, rest[1].split_once("body ").expect("a body").1.to_owned())
    }

    async fn consume(&mut self, queue: &str, consumer_tag: &str, no_ack: bool) {
        self.put(1, &basic::Consume { queue, consumer_tag, no_ack, ..Default::default() }).send().await;
        self.expect("1 BasicConsumeOk").await;
    }
}

fn ack(delivery_tag: u64, multiple: bool) -> basic::Ack {
    basic::Ack { delivery_tag, multiple }
}

#[tokio::test]
async fn prefetch_holds_messages_back_until_others_are_settled() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    for n in 1..=5 {
        client.put_text("q", &n.to_string());
    }
    client.put(1, &basic::Qos { prefetch_count: 2, ..Default::default() }).send().await;
    client.expect("1 BasicQosOk").await;
    client.consume("q", "c", false).await;
    assert_eq!(client.delivery().await, (1, false, "1".into()));
    assert_eq!(client.delivery().await, (2, false, "2".into()));
    client.expect_quiet().await;
    client.put(1, &ack(2, true)).send().await;
    assert_eq!(client.delivery().await, (3, false, "3".into()));
    assert_eq!(client.delivery().await, (4, false, "4".into()));
    client.expect_quiet().await;
    client.put(1, &basic::Nack { delivery_tag: 3, requeue: true, ..Default::default() }).send().await;
    assert_eq!(client.delivery().await, (5, true, "3".into()));
}

#[tokio::test]
async fn unknown_tags_close_the_channel() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    client.put_text("q", "1");
    client.consume("q", "c", false).await;
    assert_eq!(client.delivery().await.0, 1);
    // All there is, even if that is nothing, may always be settled.
    client.put(1, &ack(0, true)).put(1, &ack(0, true)).put(1, &ack(1, false)).send().await;
    assert_eq!(client.error().await, (406, "PRECONDITION_FAILED - unknown delivery tag 1".into()));
    client.reopen().await;
    let cases = [(ack(999, true), 999), (ack(0, false), 0)];
    for (ack, tag) in cases {
        assert_eq!(
            client.fail(&ack).await,
            (406, format!("PRECONDITION_FAILED - unknown delivery tag {tag}"))
        );
        client.reopen().await;
    }
    // What was settled before the error is settled.
    let declare = queue::Declare { queue: "q", passive: true, ..Default::default() };
    let answer = client.ask(&declare).await;
    assert!(answer.contains("message_count: 0"), "{answer}");
}

#[tokio::test]
async fn a_closed_channel_gives_its_messages_back_in_order() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    for n in 1..=3 {
        client.put_text("q", &n.to_string());
    }
    client.consume("q", "c", false).await;
    for n in 1..=3 {
        assert_eq!(client.delivery().await, (n, false, n.to_string()));
    }
    client.put(1, &channel::Close::default()).send().await;
    client.expect("1 ChannelCloseOk").await;
    client.open_channel(1).await;
    client.consume("q", "c", false).await;
    for n in 1..=3 {
        assert_eq!(client.delivery().await, (n, true, n.to_string()));
    }
    client.put(1, &basic::Recover { requeue: true }).send().await;
    client.expect("1 BasicRecoverOk").await;
    for n in 1..=3 {
        assert_eq!(client.delivery().await, (n + 3, true, n.to_string()));
    }
}

#[tokio::test]
async fn after_a_cancel_nothing_comes() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    client.consume("q", "c", true).await;
    client
        .put_text("q", "1")
        .put(1, &basic::Cancel { consumer_tag: "c", nowait: false })
        .put_text("q", "2")
        .send()
        .await;
    assert_eq!(client.delivery().await, (1, false, "1".into()));
    client.expect("1 BasicCancelOk(CancelOk { consumer_tag: \"c\" })").await;
    client.expect_quiet().await;
    // A tag nobody has is no error.
    let answer = client.ask(&basic::Cancel { consumer_tag: "c", nowait: false }).await;
    assert_eq!(answer, "1 BasicCancelOk(CancelOk { consumer_tag: \"c\" })");
}

#[tokio::test]
async fn consumers_without_a_tag_get_one_and_tags_are_not_shared() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    let answer = client.ask(&basic::Consume { queue: "q", ..Default::default() }).await;
    assert!(answer.starts_with("1 BasicConsumeOk(ConsumeOk { consumer_tag: \"amq.ctag-"), "{answer}");
    client.consume("q", "c", false).await;
    let again = basic::Consume { queue: "q", consumer_tag: "c", ..Default::default() };
    assert_eq!(client.fail(&again).await, (530, "NOT_ALLOWED - attempt to reuse consumer tag 'c'".into()));
}

#[tokio::test]
async fn a_deleted_queue_ends_its_consumers() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    client.consume("q", "c", false).await;
    let mut other = house.channel().await;
    other.put(1, &queue::Delete { queue: "q", ..Default::default() }).send().await;
    other.expect("1 QueueDeleteOk").await;
    assert_eq!(client.next().await, "1 BasicCancel(Cancel { consumer_tag: \"c\", nowait: true })");
    // The tag is free again.
    client.declare("q").await;
    client.consume("q", "c", false).await;
}

#[tokio::test]
async fn direct_replies_come_without_a_queue() {
    let house = House::new();
    let mut asker = house.channel().await;
    let reply_to = "amq.rabbitmq.reply-to";
    let asks = b"\x02\0\x15amq.rabbitmq.reply-to";
    let publish = basic::Publish { routing_key: "rpc", ..Default::default() };
    asker.put_message(1, &publish, asks, b"early").send().await;
    assert_eq!(asker.error().await, (406, "PRECONDITION_FAILED - fast reply consumer does not exist".into()));
    asker.reopen().await;
    let wants_acks = basic::Consume { queue: reply_to, ..Default::default() };
    assert_eq!(
        asker.fail(&wants_acks).await,
        (406, "PRECONDITION_FAILED - reply consumer cannot acknowledge".into())
    );
    asker.reopen().await;
    asker.consume(reply_to, "r", true).await;
    let second = basic::Consume { queue: reply_to, consumer_tag: "s", no_ack: true, ..Default::default() };
    assert_eq!(asker.fail(&second).await, (406, "PRECONDITION_FAILED - reply consumer already set".into()));
    asker.reopen().await;
    asker.consume(reply_to, "r", true).await;

    let mut server = house.channel().await;
    server.declare("rpc").await;
    asker.put_message(1, &publish, asks, b"question").send().await;
    server.consume("rpc", "s", true).await;
    server.expect("1 BasicDeliver").await;
    let address = server
        .take(|frame| {
            let crate::wire::Payload::Header(header) = frame.payload else { panic!("{frame:?}") };
            let props = anymq_types::props::PropsRef::parse(header.props).unwrap();
            String::from_utf8(props.reply_to().unwrap().to_vec()).unwrap()
        })
        .await
        .unwrap();
    assert!(address.starts_with("amq.rabbitmq.reply-to.") && address.len() > 30, "{address}");
    assert_eq!(server.next().await, "1 body question");
    // Declaring the address asks whether somebody is there.
    let there = server.ask(&queue::Declare { queue: &address, ..Default::default() }).await;
    assert!(there.contains("consumer_count: 1"), "{there}");
    server.put_text(&address, "answer").send().await;
    assert_eq!(asker.delivery().await, (1, false, "answer".into()));
    asker.put(1, &basic::Cancel { consumer_tag: "r", nowait: false }).send().await;
    asker.expect("1 BasicCancelOk").await;
    let gone = server.fail(&queue::Declare { queue: &address, ..Default::default() }).await;
    assert_eq!(gone, (404, format!("NOT_FOUND - no queue '{address}' in vhost '/'")));
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_little_and_loses_nothing() {
    let house = House::new();
    let mut publisher = house.channel().await;
    publisher.declare("q").await;
    let mut client = house.channel().await;
    client.consume("q", "c", true).await;
    let body = "x".repeat(10_000);
    let count = 600;
    for n in 0..count {
        publisher.put_text("q", &format!("{n} {body}"));
        if n % 10 == 0 {
            publisher.pump().await;
        }
    }
    publisher.pump().await;
    publisher.expect_quiet().await;
    for n in 0..count {
        let (tag, _, text) = client.delivery().await;
        assert_eq!((tag, text.split(' ').next()), (n + 1, Some(n.to_string().as_str())));
    }
}

#[tokio::test]
async fn get_tells_how_many_are_left() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    client.put_text("q", "a").put_text("q", "b").send().await;
    let get = basic::Get { queue: "q", ..Default::default() };
    client.put(1, &get).put(1, &get).put(1, &get).send().await;
    for (tag, left) in [(1, 1), (2, 0)] {
        let expected = format!(
            "1 BasicGetOk(GetOk {{ delivery_tag: {tag}, redelivered: false, exchange: \"\", routing_key: \"q\", message_count: {left} }})"
        );
        client.expect(&expected).await;
        client.frames(2).await;
    }
    client.expect("1 BasicGetEmpty").await;
    client.put(1, &basic::Reject { delivery_tag: 1, requeue: true }).put(1, &get).send().await;
    client.expect("1 BasicGetOk(GetOk { delivery_tag: 3, redelivered: true").await;
}
