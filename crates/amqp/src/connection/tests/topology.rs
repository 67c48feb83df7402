//! Exchanges, queues, bindings: what is answered, and when.

use super::client::House;
use crate::wire::methods::{basic, channel, confirm, exchange, queue};

#[tokio::test]
async fn declarations_wait_for_the_disk_on_their_channel_only() {
    let house = House::uncommitted();
    let mut client = house.channel().await;
    client.open_channel(2).await;
    client.put(1, &queue::Declare { queue: "kept", durable: true, ..Default::default() });
    client.put(1, &basic::Qos::default());
    client.put(2, &basic::Qos::default()).send().await;
    client.expect("2 BasicQosOk").await;
    client.expect_quiet().await;
    house.broker.log().commit_now();
    client
        .expect("1 QueueDeclareOk(DeclareOk { queue: \"kept\", message_count: 0, consumer_count: 0 })")
        .await;
    client.expect("1 BasicQosOk").await;
    // A channel that closes says so after what it still has to say.
    client.put(1, &exchange::Declare { exchange: "e", kind: "fanout", durable: true, ..Default::default() });
    client.put(1, &channel::Close::default()).send().await;
    client.expect_quiet().await;
    house.broker.log().commit_now();
    client.expect("1 ExchangeDeclareOk").await;
    client.expect("1 ChannelCloseOk").await;
    client.open_channel(1).await;
}

#[tokio::test]
async fn exchanges_come_and_go() {
    let house = House::new();
    let mut client = house.channel().await;
    let declare = exchange::Declare { exchange: "e\r\n", kind: "topic", ..Default::default() };
    client.put(1, &declare);
    client.put(1, &exchange::Declare { nowait: true, ..declare });
    client.put(1, &exchange::Declare { exchange: "f", kind: "fanout", ..Default::default() });
    client.put(1, &exchange::Bind { destination: "f", source: "e", routing_key: "#", ..Default::default() });
    client
        .put(1, &exchange::Unbind { destination: "f", source: "e", routing_key: "#", ..Default::default() });
    client.put(1, &exchange::Delete { exchange: "e", ..Default::default() });
    client.put(1, &exchange::Delete { exchange: "e", ..Default::default() }).send().await;
    let expected = ["DeclareOk", "DeclareOk", "BindOk", "UnbindOk", "DeleteOk", "DeleteOk"];
    for name in expected {
        client.expect(&format!("1 Exchange{name}")).await;
    }
    let bad = exchange::Declare { exchange: "amq.mine", kind: "direct", ..Default::default() };
    let (code, text) = client.fail(&bad).await;
    assert_eq!(
        (code, text.as_str()),
        (403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'")
    );
}

#[tokio::test]
async fn nothing_is_answered_where_no_answer_is_wanted() {
    let house = House::new();
    let mut client = house.channel().await;
    let nowait = true;
    client.put(1, &queue::Declare { queue: "q", nowait, ..Default::default() });
    client.put(1, &exchange::Declare { exchange: "e", kind: "topic", nowait, ..Default::default() });
    client.put(1, &exchange::Declare { exchange: "f", kind: "fanout", nowait, ..Default::default() });
    client.put(1, &queue::Bind { queue: "q", exchange: "e", routing_key: "k", nowait, ..Default::default() });
    client.put(
        1,
        &exchange::Bind { destination: "f", source: "e", routing_key: "#", nowait, ..Default::default() },
    );
    client.put(
        1,
        &exchange::Unbind { destination: "f", source: "e", routing_key: "#", nowait, ..Default::default() },
    );
    client.put(1, &basic::Consume { queue: "q", consumer_tag: "c", nowait, ..Default::default() });
    client.put(1, &basic::Cancel { consumer_tag: "c", nowait });
    client.put(1, &queue::Purge { queue: "q", nowait, ..Default::default() });
    client.put(1, &exchange::Delete { exchange: "e", nowait, ..Default::default() });
    client.put(1, &queue::Delete { queue: "q", nowait, ..Default::default() });
    client.put(1, &confirm::Select { nowait });
    client.put(1, &basic::Qos::default()).send().await;
    client.expect("1 BasicQosOk").await;
    // All of it was done.
    for (name, method) in [("q", true), ("e", false)] {
        let (code, text) = if method {
            client.fail(&queue::Declare { queue: name, passive: true, ..Default::default() }).await
        } else {
            client.fail(&exchange::Declare { exchange: name, passive: true, ..Default::default() }).await
        };
        let what = if method { "queue" } else { "exchange" };
        assert_eq!((code, text), (404, format!("NOT_FOUND - no {what} '{name}' in vhost '/'")));
        client.reopen().await;
    }
    client.ask(&exchange::Declare { exchange: "f", passive: true, ..Default::default() }).await;
    client.put(1, &confirm::Select { nowait });
    client
        .put_message(1, &basic::Publish { exchange: "f", ..Default::default() }, b"\0\0", b"counted")
        .send()
        .await;
    client.expect("1 BasicAck(Ack { delivery_tag: 1").await;
}

#[tokio::test]
async fn an_empty_name_is_the_queue_declared_last() {
    let house = House::new();
    let mut client = house.channel().await;
    assert_eq!(
        client.fail(&queue::Purge::default()).await,
        (404, "NOT_FOUND - no previously declared queue".to_owned())
    );
    client.reopen().await;
    client.put(1, &queue::Declare::default()).send().await;
    let look = |frame: &crate::wire::Frame<'_>| super::client::show(frame);
    let declared = client.take(look).await.unwrap();
    assert!(declared.starts_with("1 QueueDeclareOk(DeclareOk { queue: \"amq.gen-"), "{declared}");
    client.put(1, &queue::Bind { exchange: "amq.direct", ..Default::default() });
    let publish = basic::Publish {
        exchange: "amq.direct",
        routing_key: declared.split('"').nth(1).unwrap(),
        ..Default::default()
    };
    client.put_message(1, &publish, b"\0\0", b"one");
    client.put(1, &basic::Get { no_ack: true, ..Default::default() });
    client.put(1, &queue::Unbind { exchange: "amq.direct", ..Default::default() });
    client.put_text(publish.routing_key, "two").put_text(publish.routing_key, "three");
    client.put(1, &queue::Purge::default());
    client.put_text(publish.routing_key, "four");
    client.put(1, &queue::Delete::default()).send().await;
    client.expect("1 QueueBindOk").await;
    client.expect("1 BasicGetOk").await;
    assert_eq!(client.frames(2).await, ["1 header 3", "1 body one"]);
    client.expect("1 QueueUnbindOk").await;
    client.expect("1 QueuePurgeOk(PurgeOk { message_count: 2 })").await;
    client.expect("1 QueueDeleteOk(DeleteOk { message_count: 1 })").await;
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let house = House::new();
    let mut client = house.channel().await;
    client.declare("q").await;
    let cases = [
        (
            client.fail(&queue::Declare { queue: "q", durable: true, ..Default::default() }).await,
            406,
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
        ),
        (
            {
                client.reopen().await;
                client.fail(&queue::Bind { queue: "q", exchange: "nope", ..Default::default() }).await
            },
            404,
            "NOT_FOUND - no exchange 'nope' in vhost '/'",
        ),
        (
            {
                client.reopen().await;
                client
                    .fail(&queue::Bind {
                        queue: "amq.rabbitmq.reply-to",
                        exchange: "amq.direct",
                        ..Default::default()
                    })
                    .await
            },
            403,
            "ACCESS_REFUSED - cannot bind or unbind to a volatile (direct reply-to) queue",
        ),
        (
            {
                client.reopen().await;
                client
                    .put(1, &queue::Declare { queue: "mine", exclusive: true, ..Default::default() })
                    .send()
                    .await;
                client.expect("1 QueueDeclareOk").await;
                let mut other = house.channel().await;
                other.fail(&queue::Declare { queue: "mine", exclusive: true, ..Default::default() }).await
            },
            405,
            "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost '/'.",
        ),
    ];
    for ((code, text), expected, start) in cases {
        assert!(code == expected && text.starts_with(start), "{code} {text}");
    }
}
