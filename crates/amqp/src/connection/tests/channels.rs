//! Opening and closing channels, and what happens on closed ones.

use super::client::House;
use crate::wire::methods::{access, basic, channel, confirm, connection, queue, tx};

#[tokio::test]
async fn methods_want_an_open_channel() {
    let house = House::new();
    let mut client = house.connect().await;
    client.put(3, &basic::Qos::default()).send().await;
    assert_eq!(client.error().await, (504, "CHANNEL_ERROR - expected 'channel.open'".into()));
    let mut client = house.channel().await;
    let second = client.fail(&channel::Open::default()).await;
    assert_eq!(second, (504, "CHANNEL_ERROR - second 'channel.open' seen".into()));
    let mut client = house.channel().await;
    let odd = client.fail(&connection::Unblocked {}).await;
    assert_eq!(odd, (503, "COMMAND_INVALID - unimplemented method".into()));
}

#[tokio::test]
async fn channels_are_counted() {
    let house = House::with(true, crate::Config { channel_max: 2, ..Default::default() });
    let mut client = house.socket();
    client.put_bytes(&crate::wire::PROTOCOL_HEADER).send().await;
    client.expect("0 ConnectionStart").await;
    client.start(b"", "PLAIN", b"\0guest\0guest").await;
    client.expect("0 ConnectionTune").await;
    client.put(0, &connection::TuneOk { channel_max: 2, frame_max: 4096, heartbeat: 0 });
    client.put(0, &connection::Open { virtual_host: "/", ..Default::default() }).send().await;
    client.expect("0 ConnectionOpenOk").await;
    client.open_channel(7).await;
    client.open_channel(9).await;
    client.put(7, &channel::Close::default()).send().await;
    client.expect("7 ChannelCloseOk").await;
    client.open_channel(11).await;
    client.put(12, &channel::Open::default()).send().await;
    let text = "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)";
    assert_eq!(client.error().await, (530, text.to_owned()));
}

#[tokio::test]
async fn an_error_closes_one_channel_and_the_number_can_be_used_again() {
    let house = House::new();
    let mut client = house.channel().await;
    client.open_channel(2).await;
    let declare = queue::Declare { queue: "nope", passive: true, ..Default::default() };
    client.put(1, &declare);
    // All this is on its way already: it is passed over.
    client.put(1, &basic::Qos::default()).put_text("nope", "lost").put(1, &declare);
    client.put(2, &basic::Qos::default()).send().await;
    let close = client.next().await;
    let expected = "1 ChannelClose(Close { reply_code: 404, reply_text: \"NOT_FOUND - no queue 'nope' in vhost '/'\", class_id: 50, method_id: 10 })";
    assert_eq!(close, expected);
    client.expect("2 BasicQosOk").await;
    client.put(1, &channel::CloseOk {}).put(1, &channel::Open::default()).send().await;
    client.expect("1 ChannelOpenOk").await;
    // Both sides may close at the same time.
    client.put(1, &declare).put(1, &channel::Close::default()).put(1, &channel::CloseOk {}).send().await;
    client.expect("1 ChannelClose(").await;
    client.expect("1 ChannelCloseOk").await;
    client.open_channel(1).await;
}

#[tokio::test]
async fn modes_exclude_each_other() {
    let house = House::new();
    let mut client = house.channel().await;
    client.put(1, &confirm::Select::default()).put(1, &confirm::Select::default()).send().await;
    client.expect("1 ConfirmSelectOk").await;
    client.expect("1 ConfirmSelectOk").await;
    let text = "PRECONDITION_FAILED - cannot switch from confirm to tx mode";
    assert_eq!(client.fail(&tx::Select {}).await, (406, text.into()));
    client.reopen().await;
    for error in [client.fail(&tx::Commit {}).await, {
        client.reopen().await;
        client.fail(&tx::Rollback {}).await
    }] {
        assert_eq!(error, (406, "PRECONDITION_FAILED - channel is not transactional".into()));
    }
    client.reopen().await;
    client.put(1, &tx::Select {}).put(1, &tx::Select {}).send().await;
    client.expect("1 TxSelectOk").await;
    client.expect("1 TxSelectOk").await;
    let text = "PRECONDITION_FAILED - cannot switch from tx to confirm mode";
    assert_eq!(client.fail(&confirm::Select::default()).await, (406, text.into()));
}

#[tokio::test]
async fn small_answers() {
    let house = House::new();
    let mut client = house.channel().await;
    assert_eq!(client.ask(&access::Request::default()).await, "1 AccessRequestOk(RequestOk { ticket: 1 })");
    assert_eq!(client.ask(&channel::Flow { active: true }).await, "1 ChannelFlowOk(FlowOk { active: true })");
    assert_eq!(client.ask(&basic::Recover { requeue: true }).await, "1 BasicRecoverOk(RecoverOk)");
    let hard = [
        (client.fail(&channel::Flow { active: false }).await, "active=false"),
        (house.channel().await.fail(&basic::Recover { requeue: false }).await, "requeue=false"),
        (house.channel().await.fail(&basic::RecoverAsync { requeue: false }).await, "requeue=false"),
        (
            house.channel().await.fail(&basic::Qos { prefetch_size: 10, ..Default::default() }).await,
            "prefetch_size!=0 (10)",
        ),
        (
            house.channel().await.fail(&basic::Publish { immediate: true, ..Default::default() }).await,
            "immediate=true",
        ),
    ];
    for (error, text) in hard {
        assert_eq!(error, (540, format!("NOT_IMPLEMENTED - {text}")));
    }
}
