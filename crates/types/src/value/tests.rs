use proptest::prelude::*;

use super::*;
use crate::limits::{HEADER_DEPTH_MAX, HEADER_VALUES_MAX};

fn any_value() -> impl Strategy<Value = Value> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20).prop_map(Text);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::I8),
        any::<u8>().prop_map(Value::U8),
        any::<i16>().prop_map(Value::I16),
        any::<i16>().prop_map(Value::I16Spec),
        any::<u16>().prop_map(Value::U16),
        any::<i32>().prop_map(Value::I32),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        any::<i64>().prop_map(Value::I64Spec),
        any::<u32>().prop_map(|bits| Value::Float(Float(bits))),
        any::<u64>().prop_map(|bits| Value::Double(Double(bits))),
        (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| Value::Decimal(Decimal { scale, value })),
        bytes().prop_map(Value::Str),
        bytes().prop_map(Value::Bytes),
        any::<u64>().prop_map(Value::Timestamp),
        Just(Value::Void),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((bytes(), inner), 0..6)
                .prop_map(|entries| Value::Table(Table(entries))),
        ]
    })
}

fn any_table() -> impl Strategy<Value = Table> {
    let name = proptest::collection::vec(any::<u8>(), 0..12).prop_map(Text);
    proptest::collection::vec((name, any_value()), 0..8).prop_map(Table)
}

proptest! {
    #[test]
    fn a_table_survives_a_round_trip(table in any_table()) {
        let mut bytes = Vec::new();
        table.encode_content(&mut bytes).unwrap();
        let read = TableRef::parse(&bytes).unwrap();
        prop_assert_eq!(read.iter().count(), table.len());
        let again = read.to_table();
        prop_assert_eq!(&again, &table);
        let mut bytes_again = Vec::new();
        again.encode_content(&mut bytes_again).unwrap();
        prop_assert_eq!(bytes_again, bytes);
        let json = serde_json::to_string(&table).unwrap();
        prop_assert_eq!(serde_json::from_str::<Table>(&json).unwrap(), table);
    }

    #[test]
    fn raw_entries_add_up_to_the_table(table in any_table()) {
        let mut bytes = Vec::new();
        table.encode_content(&mut bytes).unwrap();
        let mut iter = TableRef::parse(&bytes).unwrap().iter();
        let mut joined = Vec::new();
        while let Some((_, raw)) = iter.next_raw() {
            joined.extend_from_slice(raw);
        }
        prop_assert_eq!(joined, bytes);
    }

    #[test]
    fn a_cut_table_is_refused_or_shorter(table in any_table(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        table.encode_content(&mut bytes).unwrap();
        prop_assume!(!bytes.is_empty());
        let cut = cut.index(bytes.len());
        if let Ok(read) = TableRef::parse(&bytes[..cut]) {
            prop_assert!(read.iter().count() < table.len());
        }
    }

    #[test]
    fn what_is_accepted_is_walked_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let walked: usize = {
            let mut iter = TableRef::trusted(&bytes).iter();
            std::iter::from_fn(|| iter.next_raw()).map(|(_, raw)| raw.len()).sum()
        };
        match TableRef::parse(&bytes) {
            Ok(_) => prop_assert_eq!(walked, bytes.len()),
            Err(_) => prop_assert!(walked <= bytes.len()),
        }
    }
}

#[test]
fn golden_bytes() {
    let cases: &[(Value, &[u8])] = &[
        (Value::Bool(true), b"t\x01"),
        (Value::I8(-1), b"b\xff"),
        (Value::U8(200), b"B\xc8"),
        (Value::I16(-2), b"s\xff\xfe"),
        (Value::I16Spec(2), b"U\x00\x02"),
        (Value::U16(65535), b"u\xff\xff"),
        (Value::I32(1), b"I\x00\x00\x00\x01"),
        (Value::U32(u32::MAX), b"i\xff\xff\xff\xff"),
        (Value::I64(1), b"l\x00\x00\x00\x00\x00\x00\x00\x01"),
        (Value::I64Spec(-1), b"L\xff\xff\xff\xff\xff\xff\xff\xff"),
        (Value::Float(1.0.into()), b"f\x3f\x80\x00\x00"),
        (Value::Double(1.0.into()), b"d\x3f\xf0\x00\x00\x00\x00\x00\x00"),
        (Value::Decimal(Decimal { scale: 2, value: 314 }), b"D\x02\x00\x00\x01\x3a"),
        ("hi".into(), b"S\x00\x00\x00\x02hi"),
        (Value::Bytes("\0".into()), b"x\x00\x00\x00\x01\x00"),
        (Value::Timestamp(1), b"T\x00\x00\x00\x00\x00\x00\x00\x01"),
        (Value::Array(vec![Value::Void, true.into()]), b"A\x00\x00\x00\x03Vt\x01"),
        (Value::Table([("a", 7)].into_iter().collect()), b"F\x00\x00\x00\x07\x01aI\x00\x00\x00\x07"),
        (Value::Void, b"V"),
    ];
    for (value, bytes) in cases {
        let mut entry = vec![1, b'k'];
        entry.extend_from_slice(bytes);
        let mut out = Vec::new();
        value.encode(&mut out).unwrap();
        assert_eq!(&out, bytes, "{value:?}");
        assert_eq!(&TableRef::parse(&entry).unwrap().get("k").unwrap().to_value(), value);
    }
}

#[test]
fn bad_bytes_are_named() {
    let cases: &[(&[u8], ValueError)] = &[
        (b"\x01", ValueError::Truncated),
        (b"\x01k", ValueError::Truncated),
        (b"\x01kI\x00", ValueError::Truncated),
        (b"\x01kS\xff\xff\xff\xffab", ValueError::Truncated),
        (b"\x01kF\x00\x00\x00\x02\x01k", ValueError::Truncated),
        (b"\x01kA\x00\x00\x00\x01Z", ValueError::UnknownTag(b'Z')),
        (b"\x01k?", ValueError::UnknownTag(b'?')),
    ];
    for (bytes, error) in cases {
        assert_eq!(TableRef::parse(bytes), Err(*error), "{bytes:?}");
    }
}

/// `levels` tables, the outermost included, or arrays inside one table.
fn nested(levels: usize, tag: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for level in 1..levels {
        let mut outer = if tag == b'F' || level == levels - 1 { vec![1, b'k'] } else { vec![] };
        outer.push(tag);
        outer.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn nesting_is_bounded() {
    for tag in [b'F', b'A'] {
        let deepest = nested(HEADER_DEPTH_MAX, tag);
        assert!(TableRef::parse(&deepest).is_ok());
        let table = TableRef::parse(&deepest).unwrap().to_table();
        let mut bytes = Vec::new();
        table.encode_content(&mut bytes).unwrap();
        assert_eq!(bytes, deepest);
        assert_eq!(TableRef::parse(&nested(HEADER_DEPTH_MAX + 1, tag)), Err(ValueError::TooDeep));
        let absurd = nested(10_000, tag);
        assert_eq!(TableRef::parse(&absurd), Err(ValueError::TooDeep));
        assert_eq!(TableRef::trusted(&absurd).to_table().len(), 1);
    }
}

#[test]
fn values_are_counted_wherever_they_stand() {
    let flat = |count: usize| b"\0V".repeat(count);
    let within = |tag: u8, content: Vec<u8>| {
        [&[1, b'k', tag][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), &content].concat()
    };
    // The table or array that holds the others counts too.
    let check = |bytes: &dyn Fn(usize) -> Vec<u8>, most: usize| {
        assert!(TableRef::parse(&bytes(most)).is_ok());
        assert_eq!(TableRef::parse(&bytes(most + 1)), Err(ValueError::TooMany));
    };
    check(&flat, HEADER_VALUES_MAX);
    check(&|count| within(b'F', flat(count)), HEADER_VALUES_MAX - 1);
    check(&|count| within(b'A', b"V".repeat(count)), HEADER_VALUES_MAX - 1);
    let table = TableRef::parse(&flat(100)).unwrap().to_table();
    assert_eq!((table.len(), table.0.capacity()), (100, 100), "no room for more than there is");
}

#[test]
fn the_first_of_a_name_counts() {
    let mut table: Table = [("a", 1), ("b", 2), ("a", 3)].into_iter().collect();
    assert_eq!(table.get("a"), Some(&Value::I32(1)));
    table.insert("a", 9);
    assert_eq!(table.0[0].1, Value::I32(9));
    assert_eq!(table.remove("a"), Some(Value::I32(9)));
    assert_eq!(table.remove("zz"), None);
    assert_eq!((table.len(), table.get("a")), (1, None));
}

#[test]
fn a_name_too_long_is_not_written() {
    let table: Table = [("n".repeat(256), 1)].into_iter().collect();
    assert_eq!(table.encode(&mut Vec::new()), Err(ValueError::TooLong));
}
