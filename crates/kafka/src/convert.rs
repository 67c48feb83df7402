//! Messages on their way to Kafka clients. What was written in batches goes out as it is; what was published as single
//! messages is put into one uncompressed batch for each run of them:
//!
//! | message | record |
//! |---|---|
//! | body | value; none, if the header `x-tombstone` says that it had none |
//! | routing key | key; none if it is empty or the name of the topic itself. The header `x-key`, where a key was no routing key |
//! | headers | headers, in their order: text and bytes as they are, numbers and truth values as text, nothing as null, lists and tables as JSON |
//! | properties | headers after those, named as AMQP names them (`content-type`, `message-id` …), numbers as text |
//! | exchange | header `x-exchange`, unless it is the default one |
//! | when the broker took it | timestamp, in milliseconds |
//!
//! The persistence of a message has no counterpart: all that is kept in a stream is kept alike.

mod values;

use anymq_batch::{BatchBuilder, Compression, Fault, Head, Header};
use anymq_broker::topics::{Encoding, Run};
use anymq_types::props::PropsRef;
use anymq_types::record::{Record, Records, record_len};
use anymq_types::value::ValueRef;
use bytes::Bytes;

use self::values::text;
use crate::topics::LEADER_EPOCH;

/// Header of a message that had a key and no value.
const TOMBSTONE: &[u8] = b"x-tombstone";
/// Header with a key that is no routing key.
const KEY: &[u8] = b"x-key";
/// Header that names the exchange.
const EXCHANGE: &[u8] = b"x-exchange";

/// As many whole batches or messages from the front of a run as fit into `bytes_max`; the first however large it is, if
/// that is wanted.
pub(crate) fn cut(run: &Run, bytes_max: u64, at_least_one: bool) -> Option<Run> {
    let (mut bytes, mut end) = (0, run.base);
    while let Some((len, offsets)) = first_unit(run.encoding, &run.bytes[bytes..]) {
        if (bytes + len) as u64 > bytes_max && !(at_least_one && bytes == 0) {
            break;
        }
        bytes += len;
        end += offsets;
    }
    (bytes > 0).then(|| Run { encoding: run.encoding, base: run.base, end, bytes: run.bytes.slice(..bytes) })
}

/// Bytes and offsets of the first batch or message.
fn first_unit(encoding: Encoding, bytes: &[u8]) -> Option<(usize, u64)> {
    match encoding {
        Encoding::Canonical => record_len(bytes).filter(|len| *len <= bytes.len()).map(|len| (len, 1)),
        Encoding::Batches => {
            let header = anymq_batch::BatchHeader::parse(bytes).ok().filter(|h| h.size() <= bytes.len())?;
            Some((header.size(), u64::try_from(header.last_offset_delta).ok()? + 1))
        }
    }
}

/// A run as batches. `topic` is the name of the topic it is of.
///
/// # Errors
/// [`Fault`] if the messages are more than a batch can hold.
pub(crate) fn to_batches(run: Run, topic: &str) -> Result<Bytes, Fault> {
    if run.encoding == Encoding::Batches {
        return Ok(run.bytes);
    }
    let base_offset = run.base.cast_signed();
    let head = Head { base_offset, leader_epoch: LEADER_EPOCH, ..Head::default() };
    let mut batch = BatchBuilder::new(head, Compression::None);
    for record in Records::new(&run.bytes) {
        push(&mut batch, &record, topic)?;
    }
    batch.finish().map(Bytes::from)
}

fn push(batch: &mut BatchBuilder, record: &Record<'_>, topic: &str) -> Result<(), Fault> {
    let mut message = Message {
        key: Some(record.routing_key).filter(|key| !key.is_empty() && *key != topic.as_bytes()),
        value: Some(record.body),
        headers: Vec::new(),
    };
    // The block was checked when the message came in.
    if let Ok(props) = PropsRef::trusted(record.props) {
        message.take_headers(&props);
        message.take_properties(&props);
    }
    if !record.exchange.is_empty() {
        message.put(EXCHANGE, record.exchange);
    }
    let Message { key, value, headers } = message;
    let headers: Vec<Header<'_>> =
        headers.iter().map(|(key, value)| Header { key, value: value.as_ref().map(AsRef::as_ref) }).collect();
    batch.push(record.timestamp.0.cast_signed(), key, value, &headers)
}

/// Bytes of a message, or made of what is in it.
type Piece<'a> = std::borrow::Cow<'a, [u8]>;

/// A record being put together.
struct Message<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<(&'a [u8], Option<Piece<'a>>)>,
}

impl<'a> Message<'a> {
    fn put(&mut self, name: &'a [u8], value: impl Into<Piece<'a>>) {
        self.headers.push((name, Some(value.into())));
    }

    fn take_headers(&mut self, props: &PropsRef<'a>) {
        let Some(headers) = props.headers() else { return };
        for (name, value) in headers.iter() {
            match (name, value) {
                (TOMBSTONE, ValueRef::Bool(true)) => self.value = None,
                (KEY, ValueRef::Str(key) | ValueRef::Bytes(key)) => self.key = Some(key),
                (name, value) => self.headers.push((name, text(value))),
            }
        }
    }

    fn take_properties(&mut self, props: &PropsRef<'a>) {
        let texts: [(&'static [u8], Option<&'a [u8]>); 10] = [
            (b"content-type", props.content_type()),
            (b"content-encoding", props.content_encoding()),
            (b"correlation-id", props.correlation_id()),
            (b"reply-to", props.reply_to()),
            (b"expiration", props.expiration()),
            (b"message-id", props.message_id()),
            (b"type", props.type_()),
            (b"user-id", props.user_id()),
            (b"app-id", props.app_id()),
            (b"cluster-id", props.cluster_id()),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                self.put(name, value);
            }
        }
        if let Some(priority) = props.priority() {
            self.put(b"priority", priority.to_string().into_bytes());
        }
        if let Some(seconds) = props.timestamp() {
            self.put(b"timestamp", seconds.to_string().into_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
