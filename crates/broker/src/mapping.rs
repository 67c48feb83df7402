//! Messages of record batches as records: what a reader of single messages sees of what was written in batches.
//!
//! | batch | record |
//! |---|---|
//! | value | body; none is an empty one with the header [`TOMBSTONE`] |
//! | key | routing key, if it fits into 255 bytes; else the name of the topic, and the header [`KEY`] |
//! | header named like a property of AMQP (`content-type`, `message-id` …) | that property, if its value can be one: text of at most 255 bytes, `priority` and `timestamp` as decimal numbers |
//! | other headers | headers: text if they are UTF-8, else bytes, none as nothing; of several with one name the last; names beyond 255 bytes are left out |
//! | timestamp | when the broker took it; in seconds also the property `timestamp`, unless a header says another |
//!
//! `user-id` stays a header: as a property it would say that the broker has checked it. The way back is in the door's `convert`.

use anymq_batch::{DECOMPRESSED_BYTES_MAX, Fault, Records};
use anymq_types::Millis;
use anymq_types::props::Properties;
use anymq_types::record::RecordHead;
use anymq_types::value::{Table, Text, Value};

/// Header of a message that had a key and no value.
pub(crate) const TOMBSTONE: &str = "x-tombstone";
/// Header with a key that is no routing key.
pub(crate) const KEY: &str = "x-key";
/// A routing key's longest, in bytes.
const ROUTING_KEY_MAX: usize = 255;
/// A property's longest text, in bytes.
const SHORT_TEXT_MAX: usize = 255;
/// A persistent message.
const PERSISTENT: u8 = 2;

/// Appends every message of a batch to `chunk`; how many.
///
/// # Errors
/// The batch cannot be read; `chunk` holds those before.
pub(crate) fn append_batch(
    batch: &[u8],
    from: u64,
    topic: &str,
    now: Millis,
    chunk: &mut Vec<u8>,
) -> Result<u32, Fault> {
    let mut count = 0;
    each_message(batch, topic, now, |offset, write| {
        if offset >= from {
            write(chunk);
            count += 1;
        }
        true
    })?;
    Ok(count)
}

/// Calls `each` with the offset of every message of a batch and what appends its record, until it says no. Markers are none.
///
/// # Errors
/// The batch cannot be read.
pub(crate) fn each_message(
    batch: &[u8],
    topic: &str,
    now: Millis,
    mut each: impl FnMut(u64, &mut dyn FnMut(&mut Vec<u8>)) -> bool,
) -> Result<(), Fault> {
    let mut records = Records::new(batch, DECOMPRESSED_BYTES_MAX)?;
    if records.header().attributes.is_control() {
        return Ok(());
    }
    while let Some(record) = records.next_record()? {
        if !each(record.offset.cast_unsigned(), &mut |chunk| append(&record, topic, now, chunk)) {
            break;
        }
    }
    Ok(())
}

fn append(record: &anymq_batch::Record<'_>, topic: &str, now: Millis, chunk: &mut Vec<u8>) {
    let key = record.key.filter(|key| key.len() <= ROUTING_KEY_MAX);
    let timestamp = u64::try_from(record.timestamp).ok();
    let mut props = Properties {
        delivery_mode: Some(PERSISTENT),
        timestamp: timestamp.map(|ms| ms / 1000),
        ..Properties::default()
    };
    let mut headers = Table::new();
    for header in record.headers {
        let Ok(name) = std::str::from_utf8(header.key) else { continue };
        if name.len() <= ROUTING_KEY_MAX && !take_property(&mut props, name, header.value) {
            headers.insert(name, header.value.map_or(Value::Void, text_or_bytes));
        }
    }
    if record.value.is_none() {
        headers.insert(TOMBSTONE, Value::Bool(true));
    }
    if let (Some(long), None) = (record.key, key) {
        headers.insert(KEY, text_or_bytes(long));
    }
    props.headers = (!headers.is_empty()).then_some(headers);
    let mut block = Vec::new();
    if props.encode(&mut block).is_err() {
        // More headers than a message can have here: it goes without them, rather than not at all.
        props.headers = None;
        block.clear();
        props.encode(&mut block).expect("properties are short");
    }
    let body = record.value.unwrap_or_default();
    let expiration = props.expiration.as_ref().and_then(Text::as_str).and_then(|ms| ms.parse::<u64>().ok());
    let head = RecordHead {
        persistent: true,
        priority: props.priority.unwrap_or(0),
        timestamp: timestamp.map_or(now, Millis),
        expires: expiration.map(|ms| Millis(now.0.saturating_add(ms))),
        routing_key: key.unwrap_or(topic.as_bytes()),
        props: &block,
        ..RecordHead::default()
    };
    head.write(body.len(), chunk);
    chunk.extend_from_slice(body);
}

/// Makes a header a property, if it is named like one and can be one.
fn take_property(props: &mut Properties, name: &str, value: Option<&[u8]>) -> bool {
    let Some(text) = value.and_then(|v| std::str::from_utf8(v).ok()).filter(|v| v.len() <= SHORT_TEXT_MAX)
    else {
        return false;
    };
    let place = match name {
        "content-type" => &mut props.content_type,
        "content-encoding" => &mut props.content_encoding,
        "correlation-id" => &mut props.correlation_id,
        "reply-to" => &mut props.reply_to,
        "message-id" => &mut props.message_id,
        "type" => &mut props.type_,
        "app-id" => &mut props.app_id,
        "expiration" if text.parse::<u64>().is_ok() => &mut props.expiration,
        "priority" => return text.parse().map(|priority| props.priority = Some(priority)).is_ok(),
        "timestamp" => return text.parse().map(|seconds| props.timestamp = Some(seconds)).is_ok(),
        _ => return false,
    };
    *place = Some(text.into());
    true
}

fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(_) => Value::Str(Text::from(bytes)),
        Err(_) => Value::Bytes(Text::from(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use anymq_batch::{BatchBuilder, Compression, Head, Header};
    use anymq_types::record::{Record, Records};

    use super::*;

    const NOW: Millis = Millis(9_000);

    /// What becomes of one record, and its properties.
    fn mapped(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> (Vec<u8>, Properties) {
        let headers: Vec<Header<'_>> =
            headers.iter().map(|&(key, value)| Header { key: key.as_bytes(), value }).collect();
        let mut batch = BatchBuilder::new(Head::default(), Compression::None);
        batch.push(5_500, key, value, &headers).expect("short");
        let mut chunk = Vec::new();
        let batch = batch.finish().expect("short");
        assert_eq!(append_batch(&batch, 0, "topic", NOW, &mut chunk), Ok(1));
        let record = Record::parse(&chunk).expect("a record");
        assert_eq!((record.timestamp, record.persistent), (Millis(5_500), true));
        let props = Properties::decode(record.props).expect("properties");
        (chunk, props)
    }

    #[test]
    fn keys_are_routing_keys_where_they_can_be() {
        let long = [b'k'; 256];
        for (key, routing_key, header) in [
            (Some(&b"k"[..]), &b"k"[..], None),
            (Some(&long[..255]), &long[..255], None),
            (Some(&long[..]), b"topic", Some(Value::Str(Text::from(&long[..])))),
            (None, b"topic", None),
        ] {
            let (chunk, props) = mapped(key, Some(b"v"), &[]);
            let record = Record::parse(&chunk).expect("a record");
            assert_eq!((record.routing_key, record.body), (routing_key, &b"v"[..]));
            assert_eq!(props.headers.and_then(|h| h.get(KEY).cloned()), header);
        }
        let (chunk, props) = mapped(Some(b"k"), None, &[]);
        assert_eq!(Record::parse(&chunk).map(|r| r.body.len()), Some(0));
        assert_eq!(props.headers.and_then(|h| h.get(TOMBSTONE).cloned()), Some(Value::Bool(true)));
    }

    #[test]
    fn headers_are_properties_where_they_are_named_like_one() {
        let headers: &[(&str, Option<&[u8]>)] = &[
            ("content-type", Some(b"text/plain")),
            ("correlation-id", Some(b"c1")),
            ("message-id", Some(b"\xff")),
            ("priority", Some(b"7")),
            ("expiration", Some(b"1000")),
            ("timestamp", Some(b"soon")),
            ("user-id", Some(b"me")),
            ("text", Some("ü".as_bytes())),
            ("none", None),
        ];
        let (chunk, props) = mapped(None, Some(b"v"), headers);
        let record = Record::parse(&chunk).expect("a record");
        assert_eq!((record.priority, record.expires), (7, Some(Millis(10_000))));
        assert_eq!(
            (props.priority, props.timestamp),
            (Some(7), Some(5)),
            "a time that is none is left a header"
        );
        assert_eq!(props.content_type, Some("text/plain".into()));
        assert_eq!(props.correlation_id, Some("c1".into()));
        let kept = props.headers.expect("headers");
        let names: Vec<_> = kept.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["message-id", "timestamp", "user-id", "text", "none"]);
        assert_eq!(kept.get("text"), Some(&Value::Str("ü".into())));
        assert_eq!(kept.get("message-id"), Some(&Value::Bytes(Text::from(&b"\xff"[..]))));
        assert_eq!(kept.get("none"), Some(&Value::Void));
    }

    #[test]
    fn markers_are_no_messages_and_offsets_are_told() {
        let mut batch = BatchBuilder::new(Head { base_offset: 40, ..Head::default() }, Compression::Lz4);
        for n in 0..5u8 {
            batch.push(1, None, Some(&[n]), &[]).expect("short");
        }
        let batch = batch.finish().expect("short");
        let mut chunk = Vec::new();
        assert_eq!(append_batch(&batch, 43, "t", NOW, &mut chunk), Ok(2));
        assert_eq!(Records::new(&chunk).map(|r| r.body[0]).collect::<Vec<_>>(), [3, 4]);
        let control = anymq_batch::Control { commit: true, coordinator_epoch: 0 };
        let marker = anymq_batch::marker(Head::default(), control, 1).expect("short");
        assert_eq!(append_batch(&marker, 0, "t", NOW, &mut chunk), Ok(0));
        assert!(append_batch(&batch[..batch.len() - 1], 0, "t", NOW, &mut chunk).is_err());
    }
}
