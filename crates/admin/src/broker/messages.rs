//! Messages seen without taking them, whichever protocol wrote them.

use std::fmt::Write as _;
use std::future::poll_fn;

use anymq_api::{BODY_MAX, MESSAGES_MAX, Message, Messages, MessagesQuery, Payload, Problem, codes};
use anymq_broker::topics::{OffsetFound, OffsetOf};
use anymq_broker::{Look, Session};
use anymq_catalog::definitions;
use anymq_types::props::Properties;
use anymq_types::record::Record;
use anymq_types::value::Text;
use anymq_types::{Millis, QueueId};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::{BrokerHall, not_found, unreadable};
use crate::access::Operator;
use crate::hall::{More, Result};

/// Most partitions looked at together.
const PARTITIONS_MAX: usize = 256;
/// Most bytes of messages in one answer, unless the first is longer.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How many messages there are in an answer, and how much of a body is shown, unless the question says.
const COUNT: usize = 100;
const BODY: usize = 64 << 10;

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    Earliest,
    Latest,
    Offset(u64),
    Last(u64),
    Since(Millis),
    /// Milliseconds ago.
    Back(u64),
    /// Partition and offset.
    Places(Vec<(u32, u64)>),
}

/// A partition, and the next offset to look at.
struct Place {
    number: u32,
    id: QueueId,
    next: u64,
}

impl From {
    fn parse(text: Option<&str>) -> Result<From> {
        let number = |text: &str| text.parse::<u64>().ok();
        let found = match text {
            None | Some("latest") => Some(From::Latest),
            Some("earliest") => Some(From::Earliest),
            Some(text) => match text.split_at_checked(1) {
                Some(("-", last)) => number(last).map(From::Last),
                Some(("@", ms)) => number(ms).map(|ms| From::Since(Millis(ms))),
                Some(("~", ms)) => number(ms).map(From::Back),
                _ if text.contains(':') => places(text).map(From::Places),
                _ => number(text).map(From::Offset),
            },
        };
        found.ok_or_else(|| {
            let what = format!("{:?} is no place to begin", text.unwrap_or_default());
            Problem::new(&codes::ARGUMENT_INVALID, what).fix(
                "give earliest, latest, an offset, -N for the last N, @MS for a time, or ~MS for a time ago",
            )
        })
    }
}

/// `partition:offset,partition:offset…`
fn places(text: &str) -> Option<Vec<(u32, u64)>> {
    text.split(',')
        .map(|place| place.split_once(':').and_then(|(p, o)| Some((p.parse().ok()?, o.parse().ok()?))))
        .collect()
}

impl BrokerHall {
    pub(super) fn look_at(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        query: &MessagesQuery,
    ) -> Result<(Messages, Option<More>)> {
        let session = self.session(operator, vhost)?;
        let mut places = begin(&session, name, query)?;
        let count = query.count.unwrap_or(COUNT).min(MESSAGES_MAX);
        let body_max = query.body_max.unwrap_or(BODY).min(BODY_MAX);
        let mut page = Messages::default();
        let (mut bytes, mut visited) = (ANSWER_BYTES_MAX, 0);
        for place in &mut places {
            let left = count - page.items.len();
            if left == 0 || bytes == 0 {
                page.left += end_of(&session, place.id)?.saturating_sub(place.next);
                continue;
            }
            let look = Look { partition: place.id, topic: name, offset: place.next, count: left, bytes };
            let seen = session.look(&look).map_err(unreadable)?;
            place.next = seen.next;
            page.left += seen.end.saturating_sub(seen.next);
            for (offset, record) in &seen.messages {
                bytes = bytes.saturating_sub(record.len());
                page.items.extend(message(name, place.number, *offset, record, body_max));
            }
            visited += 1;
        }
        // Those that had no turn have the first next time.
        let turns = visited % places.len().max(1);
        places.rotate_left(turns);
        for Place { number, next, .. } in &places {
            let comma = if page.next.is_empty() { "" } else { "," };
            let _ = write!(page.next, "{comma}{number}:{next}");
        }
        let more: Option<More> = page.items.is_empty().then(|| Box::pin(woken(session)) as More);
        Ok((page, more))
    }
}

/// Ends when the session is told that something may have come.
async fn woken(session: Session) {
    let mut events = Vec::new();
    poll_fn(|cx| session.outbox().poll(cx, &mut events)).await;
}

/// The partitions asked for, and where to begin in each.
fn begin(session: &Session, name: &str, query: &MessagesQuery) -> Result<Vec<Place>> {
    let partitions = session.partitions_of(name).map_err(unreadable)?;
    let from = match From::parse(query.from.as_deref())? {
        From::Back(ms) => From::Since(Millis(session.bounds().now.0.saturating_sub(ms))),
        from => from,
    };
    let numbers: Vec<u32> = match (query.partition, &from) {
        (Some(number), _) => vec![number],
        (None, From::Places(places)) => places.iter().map(|place| place.0).collect(),
        (None, _) => (0..partitions.len() as u32).collect(),
    };
    if numbers.len() > PARTITIONS_MAX {
        let what = format!(
            "{name:?} has {} partitions, and {PARTITIONS_MAX} can be looked at together",
            numbers.len()
        );
        return Err(Problem::new(&codes::ARGUMENT_INVALID, what).fix("name one: --partition N"));
    }
    let several = numbers.len() > 1;
    let mut begun = Vec::with_capacity(numbers.len());
    for number in numbers {
        let id = partitions.get(number as usize).copied();
        let id = id.ok_or_else(|| not_found("partition", &format!("{name}:{number}"), session.vhost()))?;
        let first = || edge(session, id, OffsetOf::First);
        let next = match &from {
            From::Earliest => first()?,
            From::Latest | From::Back(_) => end_of(session, id)?,
            // Of several partitions, some may not have come so far.
            From::Offset(offset) if several => (*offset).min(end_of(session, id)?),
            From::Offset(offset) => *offset,
            From::Last(count) => end_of(session, id)?.saturating_sub(*count).max(first()?),
            From::Since(at) => match session.first_since(id, *at).map_err(unreadable)? {
                Some(offset) => offset,
                None => end_of(session, id)?,
            },
            From::Places(places) => match places.iter().find(|place| place.0 == number) {
                Some(place) => place.1,
                None => end_of(session, id)?,
            },
        };
        begun.push(Place { number, id, next });
    }
    Ok(begun)
}

/// Where those end who see committed messages only.
fn end_of(session: &Session, id: QueueId) -> Result<u64> {
    edge(session, id, OffsetOf::Next { stable_only: true })
}

fn edge(session: &Session, id: QueueId, of: OffsetOf) -> Result<u64> {
    match session.offset_of(id, of).map_err(unreadable)? {
        OffsetFound::Offset(offset) => Ok(offset),
        _ => Err(Problem::new(&codes::INTERNAL, "an edge is no offset")),
    }
}

fn message(topic: &str, partition: u32, offset: u64, record: &[u8], body_max: usize) -> Option<Message> {
    let record = Record::parse(record)?;
    let props = Properties::decode(record.props).unwrap_or_default();
    let headers = match props.headers.as_ref().map(definitions::from_table) {
        Some(Value::Object(headers)) => headers,
        _ => Map::new(),
    };
    let key = Some(record.routing_key).filter(|key| !key.is_empty() && *key != topic.as_bytes());
    Some(Message {
        partition,
        offset,
        published_at: record.timestamp.0,
        exchange: String::from_utf8_lossy(record.exchange).into_owned(),
        key: key.map(|key| payload(key, key.len())),
        properties: properties(&props),
        headers,
        body: payload(record.body, body_max),
        bytes: record.body.len() as u64,
    })
}

fn properties(props: &Properties) -> Map<String, Value> {
    let text = |text: &Option<Text>| text.as_ref().map(|t| String::from_utf8_lossy(t.as_bytes()).into());
    let named: [(&str, Option<Value>); 13] = [
        ("content-type", text(&props.content_type)),
        ("content-encoding", text(&props.content_encoding)),
        ("delivery-mode", props.delivery_mode.map(Value::from)),
        ("priority", props.priority.map(Value::from)),
        ("correlation-id", text(&props.correlation_id)),
        ("reply-to", text(&props.reply_to)),
        ("expiration", text(&props.expiration)),
        ("message-id", text(&props.message_id)),
        ("timestamp", props.timestamp.map(Value::from)),
        ("type", text(&props.type_)),
        ("user-id", text(&props.user_id)),
        ("app-id", text(&props.app_id)),
        ("cluster-id", text(&props.cluster_id)),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The first bytes, as text if all of them are.
fn payload(bytes: &[u8], max: usize) -> Payload {
    match std::str::from_utf8(bytes) {
        Ok(text) => Payload::Text(text[..text.floor_char_boundary(max)].to_owned()),
        Err(_) => Payload::Base64(BASE64_STANDARD.encode(&bytes[..bytes.len().min(max)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_begin_is_read() {
        let cases = [
            (None, Some(From::Latest)),
            (Some("earliest"), Some(From::Earliest)),
            (Some("latest"), Some(From::Latest)),
            (Some("7"), Some(From::Offset(7))),
            (Some("-7"), Some(From::Last(7))),
            (Some("@1700"), Some(From::Since(Millis(1_700)))),
            (Some("~1700"), Some(From::Back(1_700))),
            (Some("1:5,0:7"), Some(From::Places(vec![(1, 5), (0, 7)]))),
            (Some(""), None),
            (Some("--1"), None),
            (Some("@-1"), None),
            (Some("soon"), None),
            (Some("1:5,"), None),
            (Some("18446744073709551616"), None),
        ];
        for (text, expected) in cases {
            assert_eq!(From::parse(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn payloads_are_text_if_they_can_be() {
        let cases = [
            (&b"plain"[..], 9, Payload::Text("plain".into())),
            ("aü".as_bytes(), 2, Payload::Text("a".into())),
            (b"", 9, Payload::Text(String::new())),
            (b"\xff\x00\x01", 2, Payload::Base64("/wA=".into())),
        ];
        for (bytes, max, expected) in cases {
            assert_eq!(payload(bytes, max), expected);
        }
    }
}
