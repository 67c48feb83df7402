//! `basic.publish` with its content header becomes the head of a record.

use anymq_types::Millis;
use anymq_types::props::{Edit, Peek, PropsRef, flag};
use anymq_types::record::RecordHead;
use anymq_types::value::{TableRef, Value, ValueRef};

use super::REPLY_TO;
use crate::errors::{AmqpError, Result};
use crate::wire::methods::basic;
use crate::wire::{CLASS_BASIC, ContentHeader};

/// Longest time to live or delay, in milliseconds: ten years, as in RabbitMQ.
const EXPIRY_MS_MAX: i64 = 315_360_000_000;

/// Where a message goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) exchange: &'a [u8],
    pub(crate) routing_key: &'a [u8],
}

/// What the head of a message depends on besides the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publisher<'a> {
    /// The authenticated user; a `user-id` must equal it.
    pub(crate) user: &'a str,
    /// Whether it may publish in the name of others (tag `impersonator`).
    pub(crate) impersonator: bool,
    pub(crate) now: Millis,
    /// Largest body, in bytes.
    pub(crate) message_bytes_max: usize,
    /// Where replies to this channel's reply consumer go, if it has one.
    pub(crate) reply_address: Option<&'a str>,
}

/// What the hall must know of a message besides its record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// CC and BCC.
    pub(crate) extra_keys: Option<Box<[Box<[u8]>]>>,
}

/// Appends the head of the message's record to `chunk`; the body's `header.body_size` bytes come next.
///
/// # Errors
/// 505 for a header of another class, 406 for a body too large, a bad expiration, user-id, CC or BCC, 502 for properties
/// that do not parse.
pub(crate) fn encode_head(
    envelope: Envelope<'_>,
    header: &ContentHeader<'_>,
    publisher: &Publisher<'_>,
    chunk: &mut Vec<u8>,
) -> Result<Head> {
    let body = body_size(header, publisher.message_bytes_max)?;
    let peek = Peek::parse(header.props).map_err(crate::wire::WireError::from)?;
    let mut head = RecordHead {
        persistent: peek.persistent(),
        priority: peek.priority.unwrap_or(0),
        timestamp: publisher.now,
        exchange: envelope.exchange,
        routing_key: envelope.routing_key,
        props: header.props,
        ..RecordHead::default()
    };
    if !peek.has(flag::HEADERS | flag::EXPIRATION | flag::REPLY_TO | flag::USER_ID) {
        head.write(body, chunk);
        return Ok(Head::default());
    }
    let props = PropsRef::parse(header.props).map_err(crate::wire::WireError::from)?;
    check_user(&props, publisher)?;
    head.expires = ttl(&props)?.map(|ttl| Millis(publisher.now.0.saturating_add(ttl)));
    let headers = props.headers().unwrap_or_default();
    let reading = Headers::read(headers)?;
    head.due = reading.delay.as_ref().map(|(delay, _)| Millis(publisher.now.0.saturating_add(*delay)));
    head.group = reading.group;
    head.blind = &reading.blind;
    let mut edit = Edit { reply_to: reply_to(&props, publisher)?.map(str::as_bytes), ..Edit::default() };
    if reading.has_bcc {
        edit.headers_remove = &["BCC"];
    }
    // Negative once it has been waited for, so that sending the message on does not delay it again.
    let waited = reading.delay.map(|(_, waited)| [("x-delay", waited)]);
    if let Some(waited) = &waited {
        edit.headers_put = waited;
    }
    let block;
    if edit.reply_to.is_some() || reading.has_bcc || waited.is_some() {
        block = edited(&edit, &props)?;
        head.props = &block;
    }
    head.write(body, chunk);
    let extra_keys = (!reading.extra_keys.is_empty()).then(|| reading.extra_keys.into_boxed_slice());
    Ok(Head { extra_keys })
}

/// The body's size, within what is allowed.
fn body_size(header: &ContentHeader<'_>, max: usize) -> Result<usize> {
    if header.class_id != CLASS_BASIC {
        return Err(AmqpError::unexpected_frame(format!(
            "expected content header for class {CLASS_BASIC}, got one for class {} instead",
            header.class_id
        )));
    }
    if header.weight != 0 {
        return Err(AmqpError::unexpected_frame(format!(
            "expected content header for class {CLASS_BASIC}, got non content header frame instead"
        )));
    }
    match usize::try_from(header.body_size) {
        Ok(size) if size <= max => Ok(size),
        _ => Err(AmqpError::precondition(format!(
            "message size {} is larger than configured max size {max}",
            header.body_size
        ))),
    }
    .map_err(|error| error.at(basic::Publish::CLASS_ID, basic::Publish::METHOD_ID))
}

fn check_user(props: &PropsRef<'_>, publisher: &Publisher<'_>) -> Result<()> {
    match props.user_id() {
        Some(claimed) if claimed != publisher.user.as_bytes() && !publisher.impersonator => {
            Err(AmqpError::precondition(format!(
                "user_id property set to '{}' but authenticated user was '{}'",
                String::from_utf8_lossy(claimed),
                publisher.user
            )))
        }
        _ => Ok(()),
    }
}

/// The message's own time to live: a decimal number as text.
fn ttl(props: &PropsRef<'_>) -> Result<Option<u64>> {
    let Some(text) = props.expiration() else { return Ok(None) };
    let text = String::from_utf8_lossy(text);
    let invalid = |why: String| AmqpError::precondition(format!("invalid expiration '{text}': {why}"));
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = unsigned.split_at(digits);
    if number.is_empty() {
        return Err(invalid("no_integer".into()));
    }
    if !rest.is_empty() {
        return Err(invalid(format!("{{leftover_string,\"{rest}\"}}")));
    }
    match number.parse::<i64>() {
        Ok(0) => Ok(Some(0)),
        Ok(n) if text.starts_with('-') => Err(invalid(format!("{{value_negative,-{n}}}"))),
        Ok(n) if n <= EXPIRY_MS_MAX => Ok(Some(n.unsigned_abs())),
        _ => Err(invalid(format!("{{value_too_large, {number}}}"))),
    }
}

/// Where a reply shall go, if the client asked for its own reply consumer.
fn reply_to<'a>(props: &PropsRef<'_>, publisher: &Publisher<'a>) -> Result<Option<&'a str>> {
    if props.reply_to() != Some(REPLY_TO.as_bytes()) {
        return Ok(None);
    }
    match publisher.reply_address {
        Some(address) => Ok(Some(address)),
        None => Err(AmqpError::precondition("fast reply consumer does not exist")),
    }
}

fn edited(edit: &Edit<'_>, props: &PropsRef<'_>) -> Result<Vec<u8>> {
    let mut block = Vec::with_capacity(props.as_bytes().len() + 64);
    edit.apply(props, &mut block).map_err(crate::wire::WireError::from)?;
    Ok(block)
}

/// The headers that mean something to the door.
#[derive(Default)]
struct Headers<'a> {
    extra_keys: Vec<Box<[u8]>>,
    has_bcc: bool,
    /// The keys of BCC, each as u8+bytes: the record keeps them.
    blind: Vec<u8>,
    /// Milliseconds to wait, and what the header says once they are over.
    delay: Option<(u64, Value)>,
    group: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// Of a name that repeats the first counts, as everywhere.
    fn read(headers: TableRef<'a>) -> Result<Self> {
        let mut found = Headers::default();
        let mut has_cc = false;
        for (name, value) in headers {
            match name {
                b"CC" if !has_cc => {
                    has_cc = true;
                    found.add_keys("CC", value)?;
                }
                b"BCC" if !found.has_bcc => {
                    found.has_bcc = true;
                    let shown = found.extra_keys.len();
                    found.add_keys("BCC", value)?;
                    for key in &found.extra_keys[shown..] {
                        found.blind.push(key.len() as u8);
                        found.blind.extend_from_slice(key);
                    }
                }
                b"x-delay" if found.delay.is_none() => found.delay = delay(value),
                b"x-group-id" | b"JMSXGroupID" | b"x-message-group" if found.group.is_none() => {
                    found.group = value.as_bytes().filter(|group| !group.is_empty() && group.len() <= 255);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn add_keys(&mut self, header: &str, value: ValueRef<'_>) -> Result<()> {
        let Some(array) = value.as_array() else {
            let kind = value.type_name();
            let text = format!("invalid message: {{unacceptable_type_in_header,\"{header}\",{kind}}}");
            return Err(AmqpError::precondition(text));
        };
        // A routing key is a short string: longer ones match no binding.
        let keys = array.iter().filter_map(|key| key.as_bytes()).filter(|key| key.len() <= 255);
        self.extra_keys.extend(keys.map(Box::from));
        Ok(())
    }
}

/// A positive `x-delay`, and its negative in the same type where that can be.
fn delay(value: ValueRef<'_>) -> Option<(u64, Value)> {
    let delay = match value {
        ValueRef::Str(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
        ValueRef::Double(n) => n.get() as i64,
        ValueRef::Float(n) => n.get() as i64,
        other => other.as_int()?,
    };
    let delay = delay.min(EXPIRY_MS_MAX);
    let waited = match value {
        ValueRef::I8(n) => Value::I8(n.wrapping_neg()),
        ValueRef::I16(n) => Value::I16(n.wrapping_neg()),
        ValueRef::I32(n) => Value::I32(n.wrapping_neg()),
        _ => Value::I64(-delay),
    };
    (delay > 0).then(|| (delay.unsigned_abs(), waited))
}
