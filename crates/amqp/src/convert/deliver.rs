//! Records become `basic.deliver`, `basic.get-ok` and `basic.return` with their content.

use std::borrow::Cow;

use anymq_broker::api::Delivery;
use anymq_types::props::{Edit, PropsRef};
use anymq_types::record::{Record, Records};
use anymq_types::value::Value;

use crate::wire::methods::basic;
use crate::wire::{Deliver, Encode, ReplyCode, encode_content};

/// Writes a run of deliveries with tags from `first_tag`.
pub(crate) fn encode_deliveries(
    delivery: &Delivery,
    consumer_tag: &str,
    channel: u16,
    first_tag: u64,
    frame_max: u32,
    out: &mut Vec<u8>,
) {
    for (n, record) in (0..).zip(Records::new(&delivery.records)) {
        let props = props(delivery, &record, n);
        Deliver {
            channel,
            consumer_tag: consumer_tag.as_bytes(),
            delivery_tag: first_tag + n,
            redelivered: delivery.redelivered,
            exchange: record.exchange,
            routing_key: record.routing_key,
            props: &props,
            body: record.body,
        }
        .encode(frame_max, out);
    }
}

/// Writes the answer to `basic.get`: the one message of `delivery`.
pub(crate) fn encode_fetched(
    delivery: &Delivery,
    channel: u16,
    delivery_tag: u64,
    left: u64,
    frame_max: u32,
    out: &mut Vec<u8>,
) {
    let Some(record) = Record::parse(&delivery.records) else { return };
    let props = props(delivery, &record, 0);
    basic::GetOk {
        delivery_tag,
        redelivered: delivery.redelivered,
        exchange: &text(record.exchange),
        routing_key: &text(record.routing_key),
        message_count: u32::try_from(left).unwrap_or(u32::MAX),
    }
    .encode(channel, out);
    encode_content(channel, &props, record.body, frame_max, out);
}

/// Writes a message back to its publisher: it was mandatory and reached no queue.
pub(crate) fn encode_return(record: &Record<'_>, channel: u16, frame_max: u32, out: &mut Vec<u8>) {
    basic::Return {
        reply_code: ReplyCode::NO_ROUTE.0,
        reply_text: ReplyCode::NO_ROUTE.name(),
        exchange: &text(record.exchange),
        routing_key: &text(record.routing_key),
    }
    .encode(channel, out);
    encode_content(channel, record.props, record.body, frame_max, out);
}

/// The record's properties, with the header its queue adds to message `n` of the run.
fn props<'a>(delivery: &Delivery, record: &Record<'a>, n: u64) -> Cow<'a, [u8]> {
    let header = if delivery.is_stream {
        ("x-stream-offset", Value::I64((delivery.first.0 + n).cast_signed()))
    } else if delivery.counts_attempts && delivery.attempts > 0 {
        ("x-delivery-count", Value::I64(delivery.attempts.into()))
    } else {
        return Cow::Borrowed(record.props);
    };
    let mut block = Vec::with_capacity(record.props.len() + 32);
    let edit = Edit { headers_put: &[header], ..Edit::default() };
    match PropsRef::trusted(record.props).map(|props| edit.apply(&props, &mut block)) {
        Ok(Ok(())) => Cow::Owned(block),
        // A block at its bound goes out without the header rather than not at all.
        _ => Cow::Borrowed(record.props),
    }
}

/// Names were UTF-8 when they came in over this door; other doors may hold to less.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        // Replacement characters are longer than what they replace.
        Cow::Owned(text) => Cow::Owned(crate::errors::clip(&text, 255).to_owned()),
        borrowed => borrowed,
    }
}
