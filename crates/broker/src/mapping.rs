//! Messages of record batches as records: what a reader of single messages sees of what was written in batches.
//!
//! | batch | record |
//! |---|---|
//! | value | body; none is an empty one with the header [`TOMBSTONE`] |
//! | key | routing key, if it fits into 255 bytes; else the name of the topic, and the header [`KEY`] |
//! | headers | headers, in their order: text if they are UTF-8, else bytes; of several with one name the last |
//! | timestamp | timestamp, and the property of that name in seconds |

use anymq_batch::{DECOMPRESSED_BYTES_MAX, Fault, Records};
use anymq_types::Millis;
use anymq_types::props::Properties;
use anymq_types::record::RecordHead;
use anymq_types::value::{Table, Text, Value};

/// Header of a message that had a key and no value.
const TOMBSTONE: &str = "x-tombstone";
/// Header with a key that is no routing key.
const KEY: &str = "x-key";
/// A routing key's longest, in bytes.
const ROUTING_KEY_MAX: usize = 255;
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
    let mut headers = Table::new();
    for header in record.headers {
        let Ok(name) = std::str::from_utf8(header.key) else { continue };
        if name.len() <= ROUTING_KEY_MAX {
            headers.insert(name, header.value.map_or(Value::Void, text_or_bytes));
        }
    }
    if record.value.is_none() {
        headers.insert(TOMBSTONE, Value::Bool(true));
    }
    if let (Some(long), None) = (record.key, key) {
        headers.insert(KEY, text_or_bytes(long));
    }
    let timestamp = u64::try_from(record.timestamp).ok();
    let mut props = Properties {
        headers: (!headers.is_empty()).then_some(headers),
        delivery_mode: Some(PERSISTENT),
        timestamp: timestamp.map(|ms| ms / 1000),
        ..Properties::default()
    };
    let mut block = Vec::new();
    if props.encode(&mut block).is_err() {
        // More headers than a message can have here: it goes without them, rather than not at all.
        props.headers = None;
        block.clear();
        props.encode(&mut block).expect("a mode and a timestamp are short");
    }
    let body = record.value.unwrap_or_default();
    let head = RecordHead {
        persistent: true,
        timestamp: timestamp.map_or(now, Millis),
        routing_key: key.unwrap_or(topic.as_bytes()),
        props: &block,
        ..RecordHead::default()
    };
    head.write(body.len(), chunk);
    chunk.extend_from_slice(body);
}

fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(_) => Value::Str(Text::from(bytes)),
        Err(_) => Value::Bytes(Text::from(bytes)),
    }
}
