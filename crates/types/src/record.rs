//! The record: one message, laid out the same on the way in, in the journal and on the way out.
//!
//! ```text
//!  0      4       5         6            14
//!  +------+-------+---------+------------+---------------+-----------+-------------+---------+---------+-------+------+
//!  | len  | attrs | priority| timestamp  | [expires u64] | exchange  | routing key | [group] | [blind] | props | body |
//!  | u32  | u8    | u8      | u64 ms     | [due u64]     | u8+bytes  | u8+bytes    | u8+bytes| u32+keys| u32+p | rest |
//!  +------+-------+---------+------------+---------------+-----------+-------------+---------+---------+-------+------+
//! ```
//!
//! Integers are little-endian; `len` counts the bytes after itself. `blind` is a run of short strings (u8+bytes). `props` is the property block of [`crate::props`].
//! A *chunk* is a run of records, one after another. [`Records`] walks a chunk; [`RecordHead`] writes one.

use crate::ids::Millis;

/// Attribute bit: the message must survive a restart.
pub const PERSISTENT: u8 = 1;
/// Attribute bit: an absolute expiry follows the timestamp.
pub const EXPIRES: u8 = 2;
/// Attribute bit: an absolute due time follows (delayed message).
pub const DUE: u8 = 4;
/// Attribute bit: a message group follows the routing key.
pub const GROUP: u8 = 8;
/// Attribute bit: the broker dead-lettered it, so its history of deaths is the broker's word and not a client's.
pub const DEAD: u8 = 16;
/// Attribute bit: routing keys that no header shows follow the group.
pub const BLIND: u8 = 32;

const FIXED: usize = 14;

/// What stands before the body; written by [`RecordHead::write`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordHead<'a> {
    /// Survives a restart, if its queue does.
    pub persistent: bool,
    /// 0..=255; queues fold it to their own number of levels.
    pub priority: u8,
    /// When the broker took it.
    pub timestamp: Millis,
    /// Not delivered from this moment on.
    pub expires: Option<Millis>,
    /// Not delivered before this moment.
    pub due: Option<Millis>,
    /// Exchange it was published to; at most 255 bytes.
    pub exchange: &'a [u8],
    /// Routing key it was published with; at most 255 bytes.
    pub routing_key: &'a [u8],
    /// The broker dead-lettered it: its history is the broker's own.
    pub dead: bool,
    /// Message group (ordered, one outstanding lease at a time); at most 255 bytes.
    pub group: Option<&'a [u8]>,
    /// Further routing keys that the recipient does not see (BCC), each as u8+bytes; a dead letter follows them.
    pub blind: &'a [u8],
    /// Property block, as [`crate::props`] lays it out.
    pub props: &'a [u8],
}

impl RecordHead<'_> {
    /// Bytes a record with this head and `body` bytes of body takes, `len` field included.
    pub fn record_len(&self, body: usize) -> usize {
        FIXED
            + if self.expires.is_some() { 8 } else { 0 }
            + if self.due.is_some() { 8 } else { 0 }
            + 1
            + self.exchange.len()
            + 1
            + self.routing_key.len()
            + self.group.map_or(0, |g| 1 + g.len())
            + if self.blind.is_empty() { 0 } else { 4 + self.blind.len() }
            + 4
            + self.props.len()
            + body
    }

    /// Appends the head of a record whose body will be `body` bytes; the caller appends exactly those next.
    ///
    /// # Panics
    /// If a name is longer than 255 bytes or the record longer than `u32::MAX`: both are checked at the door.
    pub fn write(&self, body: usize, out: &mut Vec<u8>) {
        let len = self.record_len(body);
        out.reserve(len);
        let attrs = if self.persistent { PERSISTENT } else { 0 }
            | if self.expires.is_some() { EXPIRES } else { 0 }
            | if self.due.is_some() { DUE } else { 0 }
            | if self.group.is_some() { GROUP } else { 0 }
            | if self.dead { DEAD } else { 0 }
            | if self.blind.is_empty() { 0 } else { BLIND };
        out.extend_from_slice(&u32::try_from(len - 4).expect("record fits u32").to_le_bytes());
        out.push(attrs);
        out.push(self.priority);
        out.extend_from_slice(&self.timestamp.0.to_le_bytes());
        if let Some(at) = self.expires {
            out.extend_from_slice(&at.0.to_le_bytes());
        }
        if let Some(at) = self.due {
            out.extend_from_slice(&at.0.to_le_bytes());
        }
        put_short(out, self.exchange);
        put_short(out, self.routing_key);
        if let Some(group) = self.group {
            put_short(out, group);
        }
        if !self.blind.is_empty() {
            out.extend_from_slice(
                &u32::try_from(self.blind.len()).expect("blind keys fit u32").to_le_bytes(),
            );
            out.extend_from_slice(self.blind);
        }
        out.extend_from_slice(&u32::try_from(self.props.len()).expect("props fit u32").to_le_bytes());
        out.extend_from_slice(self.props);
    }
}

fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(u8::try_from(bytes.len()).expect("a short string is at most 255 bytes"));
    out.extend_from_slice(bytes);
}

/// A record seen in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The whole record, `len` field included.
    pub bytes: &'a [u8],
    /// Survives a restart, if its queue does.
    pub persistent: bool,
    /// 0..=255.
    pub priority: u8,
    /// When the broker took it.
    pub timestamp: Millis,
    /// Not delivered from this moment on.
    pub expires: Option<Millis>,
    /// Not delivered before this moment.
    pub due: Option<Millis>,
    /// Exchange it was published to.
    pub exchange: &'a [u8],
    /// Routing key it was published with.
    pub routing_key: &'a [u8],
    /// The broker dead-lettered it.
    pub dead: bool,
    /// Message group.
    pub group: Option<&'a [u8]>,
    /// Further routing keys that the recipient does not see, each as u8+bytes.
    pub blind: &'a [u8],
    /// Property block.
    pub props: &'a [u8],
    /// Body.
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the start of `chunk`; `None` if it is cut short or its lengths do not add up.
    pub fn parse(chunk: &'a [u8]) -> Option<Record<'a>> {
        let total = record_len(chunk)?;
        let bytes = chunk.get(..total)?;
        let mut rest = Cursor { bytes, at: FIXED };
        let attrs = bytes[4];
        let expires = if attrs & EXPIRES != 0 { Some(Millis(rest.u64()?)) } else { None };
        let due = if attrs & DUE != 0 { Some(Millis(rest.u64()?)) } else { None };
        let exchange = rest.short()?;
        let routing_key = rest.short()?;
        let group = if attrs & GROUP != 0 { Some(rest.short()?) } else { None };
        let blind = if attrs & BLIND != 0 { rest.long()? } else { &[] };
        let props = rest.long()?;
        Some(Record {
            bytes,
            persistent: attrs & PERSISTENT != 0,
            priority: bytes[5],
            timestamp: Millis(u64_at(bytes, 6)?),
            expires,
            due,
            exchange,
            routing_key,
            dead: attrs & DEAD != 0,
            group,
            blind,
            props,
            body: &bytes[rest.at..],
        })
    }

    /// The head of this record, to write it again with changes.
    pub fn head(&self) -> RecordHead<'a> {
        RecordHead {
            persistent: self.persistent,
            priority: self.priority,
            timestamp: self.timestamp,
            expires: self.expires,
            due: self.due,
            exchange: self.exchange,
            routing_key: self.routing_key,
            dead: self.dead,
            group: self.group,
            blind: self.blind,
            props: self.props,
        }
    }

    /// The keys of [`Record::blind`], up to the first that is cut short.
    pub fn blind_keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = Cursor { bytes: self.blind, at: 0 };
        std::iter::from_fn(move || rest.short())
    }
}

/// Length of the record at the start of `chunk`, its `len` field included; `None` if not even that is there or it is
/// too small to be a record. The record itself may still be cut short.
pub fn record_len(chunk: &[u8]) -> Option<usize> {
    let len = u32::from_le_bytes(chunk.get(..4)?.try_into().ok()?) as usize;
    (len + 4 >= FIXED + 6).then_some(len + 4)
}

/// Length of the body of the record at the start of `chunk`, without looking at the rest of it.
pub fn body_len(chunk: &[u8]) -> Option<usize> {
    let total = record_len(chunk)?;
    let attrs = attrs(chunk);
    let mut at = FIXED + 8 * (attrs & EXPIRES != 0) as usize + 8 * (attrs & DUE != 0) as usize;
    for _ in 0..2 + (attrs & GROUP != 0) as usize {
        at += 1 + *chunk.get(at)? as usize;
    }
    let long =
        |at: usize| Some(u32::from_le_bytes(chunk.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    if attrs & BLIND != 0 {
        at = at.checked_add(4)?.checked_add(long(at)?)?;
    }
    let props = long(at)?;
    total.checked_sub(at + 4)?.checked_sub(props)
}

/// The priority of the record at the start of `chunk`.
pub fn priority(chunk: &[u8]) -> u8 {
    chunk.get(5).copied().unwrap_or(0)
}

/// The attribute byte of the record at the start of `chunk`.
pub fn attrs(chunk: &[u8]) -> u8 {
    chunk.get(4).copied().unwrap_or(0)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let n = *self.bytes.get(self.at)? as usize;
        self.at += 1;
        self.take(n)
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let n = self.u32()? as usize;
        self.take(n)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        let value = u64_at(self.bytes, self.at)?;
        self.at += 8;
        Some(value)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Walks the records of a chunk; ends early at the first one that does not parse.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// A walk over `chunk` from its first record.
    pub fn new(chunk: &'a [u8]) -> Self {
        Records { rest: chunk }
    }

    /// Bytes not walked yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let record = Record::parse(self.rest)?;
        self.rest = &self.rest[record.bytes.len()..];
        Some(record)
    }
}

#[cfg(test)]
mod tests;
