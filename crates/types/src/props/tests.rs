use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::limits::PROPS_BYTES_MAX;
use crate::value::{Table, TableRef, Text, Value};

fn text() -> impl Strategy<Value = Option<Text>> {
    of(proptest::collection::vec(any::<u8>(), 0..30).prop_map(Text))
}

fn any_properties() -> impl Strategy<Value = Properties> {
    let headers = of(proptest::collection::vec(("[a-e]{1,2}", any::<i64>()), 0..6)
        .prop_map(|entries| entries.into_iter().collect::<Table>()));
    let first = (text(), text(), headers, of(any::<u8>()), of(any::<u8>()), text(), text());
    let second = (text(), text(), of(any::<u64>()), text(), text(), text(), text());
    (first, second).prop_map(|(a, b)| Properties {
        content_type: a.0,
        content_encoding: a.1,
        headers: a.2,
        delivery_mode: a.3,
        priority: a.4,
        correlation_id: a.5,
        reply_to: a.6,
        expiration: b.0,
        message_id: b.1,
        timestamp: b.2,
        type_: b.3,
        user_id: b.4,
        app_id: b.5,
        cluster_id: b.6,
    })
}

fn encoded(properties: &Properties) -> Vec<u8> {
    let mut out = Vec::new();
    properties.encode(&mut out).unwrap();
    out
}

proptest! {
    #[test]
    fn a_block_survives_a_round_trip(properties in any_properties()) {
        let block = encoded(&properties);
        let peek = Peek::parse(&block).unwrap();
        prop_assert_eq!(peek.delivery_mode, properties.delivery_mode.unwrap_or(0));
        prop_assert_eq!(peek.priority, properties.priority);
        prop_assert_eq!(peek.has(flag::HEADERS), properties.headers.is_some());
        prop_assert_eq!(peek.has(flag::EXPIRATION), properties.expiration.is_some());
        let again = Properties::decode(&block).unwrap();
        prop_assert_eq!(encoded(&again), block);
        prop_assert_eq!(again, properties);
    }

    #[test]
    fn a_cut_block_is_refused(properties in any_properties(), cut in any::<prop::sample::Index>()) {
        let block = encoded(&properties);
        let cut = &block[..cut.index(block.len())];
        prop_assert_eq!(PropsRef::parse(cut).err(), Some(PropsError::Truncated));
        prop_assert_eq!(Peek::parse(cut).err(), Some(PropsError::Truncated));
    }

    #[test]
    fn any_bytes_are_answered_alike(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let peek = Peek::parse(&bytes);
        match PropsRef::parse(&bytes) {
            Ok(props) => {
                let peek = peek.unwrap();
                prop_assert_eq!((peek.flags, peek.priority), (props.flags(), props.priority()));
                prop_assert!(Properties::decode(&bytes).is_ok());
            }
            Err(PropsError::Headers(_)) => prop_assert!(peek.is_ok()),
            Err(error) => prop_assert_eq!(peek, Err(error)),
        }
    }

    #[test]
    fn an_edit_does_what_decoding_changing_and_encoding_does(
        properties in any_properties(),
        put in proptest::collection::vec(("[a-h]", any::<i32>()), 0..4),
        remove in proptest::collection::vec("[a-e]{1,2}", 0..3),
        drop_expiration in any::<bool>(),
        reply_to in of("[a-z]{0,9}"),
    ) {
        let mut put = put;
        put.sort();
        put.dedup_by(|a, b| a.0 == b.0);
        put.retain(|(name, _)| !remove.contains(name));
        let headers_put: Vec<(&str, Value)> = put.iter().map(|(n, v)| (n.as_str(), Value::I32(*v))).collect();
        let headers_remove: Vec<&str> = remove.iter().map(String::as_str).collect();
        let edit = Edit {
            headers_put: &headers_put,
            headers_remove: &headers_remove,
            drop_expiration,
            reply_to: reply_to.as_ref().map(|r| r.as_bytes()),
        };
        let mut expected = properties.clone();
        if properties.headers.is_some() || !put.is_empty() {
            let headers = expected.headers.get_or_insert_default();
            for name in &headers_remove {
                headers.remove(name);
            }
            for (name, value) in &headers_put {
                headers.insert(name, value.clone());
                let first = headers.0.iter().position(|(n, _)| n == name).unwrap();
                let mut at = 0;
                headers.0.retain(|(n, _)| { at += 1; n != name || at - 1 == first });
            }
        }
        if drop_expiration {
            expected.expiration = None;
        }
        if let Some(reply_to) = &reply_to {
            expected.reply_to = Some(reply_to.as_str().into());
        }
        let block = encoded(&properties);
        let mut out = Vec::new();
        edit.apply(&PropsRef::parse(&block).unwrap(), &mut out).unwrap();
        prop_assert_eq!(Properties::decode(&out).unwrap(), expected);
    }
}

#[test]
fn golden_bytes() {
    let properties = Properties {
        content_type: Some("a/b".into()),
        headers: Some([("k", 1)].into_iter().collect()),
        delivery_mode: Some(2),
        timestamp: Some(1_700_000_000_123),
        ..Properties::default()
    };
    let block = b"\xb0\x40\x03a/b\x00\x00\x00\x07\x01kI\x00\x00\x00\x01\x02\x00\x00\x01\x8b\xcf\xe5\x68\x7b";
    assert_eq!(encoded(&properties), block);
    let props = PropsRef::parse(block).unwrap();
    assert_eq!((props.content_type(), props.timestamp()), (Some(&b"a/b"[..]), Some(1_700_000_000_123)));
    assert_eq!(props.headers().map(|h| h.get("k").unwrap().as_int()), Some(Some(1)));
    assert_eq!((props.priority(), props.expiration()), (None, None));
    assert!(Peek::parse(block).unwrap().persistent());
    assert_eq!(encoded(&Properties::default()), EMPTY);
}

#[test]
fn bad_blocks_are_named() {
    let cases: &[(&[u8], PropsError)] = &[
        (b"", PropsError::Truncated),
        (b"\x00", PropsError::Truncated),
        (b"\x00\x01", PropsError::UnknownFlags(1)),
        (b"\x00\x02", PropsError::UnknownFlags(2)),
        (b"\x00\x00z", PropsError::Trailing(1)),
        (b"\x80\x00\x05ab", PropsError::Truncated),
        (b"\x20\x00\xff\xff\xff\xff", PropsError::Truncated),
        (b"\x20\x00\x00\x00\x00\x02\x01a", PropsError::Headers(ValueError::Truncated)),
        (b"\x20\x00\x00\x00\x00\x03\x01a!", PropsError::Headers(ValueError::UnknownTag(b'!'))),
    ];
    for (bytes, error) in cases {
        assert_eq!(PropsRef::parse(bytes).err(), Some(*error), "{bytes:?}");
    }
}

#[test]
fn lengths_are_bounded_when_written() {
    let long = Properties { message_id: Some("m".repeat(256).into()), ..Properties::default() };
    assert_eq!(long.encode(&mut Vec::new()), Err(PropsError::TooLong));
    let body = "v".repeat(PROPS_BYTES_MAX);
    let big = Properties { headers: Some([("k", body.as_str())].into_iter().collect()), ..long };
    assert_eq!(big.encode(&mut Vec::new()), Err(PropsError::TooLong));
    let mut block = Vec::from(EMPTY);
    block.resize(PROPS_BYTES_MAX + 1, 0);
    assert_eq!(PropsRef::parse(&block).err(), Some(PropsError::TooLong));
    let value = Value::Str("v".repeat(PROPS_BYTES_MAX).into());
    let edit = Edit { headers_put: &[("k", value)], ..Edit::default() };
    let empty = PropsRef::parse(EMPTY).unwrap();
    assert_eq!(edit.apply(&empty, &mut Vec::new()), Err(PropsError::TooLong));
}

#[test]
fn removing_from_no_headers_adds_none() {
    let empty = PropsRef::parse(EMPTY).unwrap();
    let mut out = Vec::new();
    Edit { headers_remove: &["BCC"], ..Edit::default() }.apply(&empty, &mut out).unwrap();
    assert_eq!(out, EMPTY);
    assert_eq!(TableRef::default().iter().count(), 0);
}
