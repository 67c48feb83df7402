//! Property blocks and field tables (`types::props`, `types::value`).

use anymq_types::props::{Edit, Peek, Properties, PropsError, PropsRef};
use anymq_types::value::{Table, TableRef, Value};

/// A property block: the cheap look and the full one agree; what decodes encodes to a block that decodes to the same;
/// edits of it stay readable.
pub fn block(data: &[u8]) {
    let peek = Peek::parse(data);
    let props = match PropsRef::parse(data) {
        Ok(props) => props,
        Err(PropsError::Headers(_)) => return assert!(peek.is_ok()),
        Err(error) => return assert_eq!(peek, Err(error)),
    };
    let peek = peek.expect("what parses can be peeked at");
    assert_eq!((peek.flags, peek.priority), (props.flags(), props.priority()));
    let written = |props: Properties| {
        let mut block = Vec::new();
        props.encode(&mut block).expect("what was short enough stays so");
        block
    };
    let block = written(Properties::from(props));
    assert_eq!(written(Properties::decode(&block).expect("what was written decodes")), block);
    drop(block);
    let edit = Edit {
        headers_put: &[("x-fuzz", Value::I64(1))],
        headers_remove: &["BCC"],
        drop_expiration: true,
        reply_to: Some(b"r"),
    };
    let mut edited = Vec::new();
    if edit.apply(&props, &mut edited).is_ok() {
        let edited = PropsRef::parse(&edited).expect("an edited block parses");
        assert_eq!((edited.expiration(), edited.reply_to()), (None, Some(&b"r"[..])));
        let headers = edited.headers().expect("it has headers");
        assert_eq!(headers.get("x-fuzz").and_then(|v| v.as_int()), Some(1));
        assert_eq!(headers.get("BCC"), None);
    }
}

/// A field table: walking an accepted one reaches its end, and owning it loses nothing.
pub fn table(data: &[u8]) {
    let Ok(table) = TableRef::parse(data) else {
        // Bytes that were checked once and have been damaged since.
        let trusted = TableRef::trusted(&data[..data.len().min(4_096)]);
        return drop(trusted.to_table());
    };
    let mut walked = 0;
    let mut entries = table.iter();
    while let Some((_, raw)) = entries.next_raw() {
        walked += raw.len();
    }
    assert_eq!(walked, data.len());
    let written = |table: TableRef<'_>| {
        let mut bytes = Vec::new();
        table.to_table().encode_content(&mut bytes).expect("what was short enough stays so");
        bytes
    };
    let bytes = written(table);
    // A boolean octet other than 0 and 1 is the one thing written differently.
    assert_eq!(bytes.len(), data.len());
    assert_eq!(written(TableRef::parse(&bytes).expect("what was written parses")), bytes);
}

/// A table with a value of every kind.
pub(super) fn every_kind() -> Vec<u8> {
    let mut bytes = Vec::new();
    let values: &[&[u8]] = &[
        b"t\x01",
        b"b\xff",
        b"B\xff",
        b"s\x01\x02",
        b"U\x01\x02",
        b"u\x01\x02",
        b"I\0\0\0\x01",
        b"i\0\0\0\x01",
        b"l\0\0\0\0\0\0\0\x01",
        b"L\0\0\0\0\0\0\0\x01",
        b"f\x3f\x80\0\0",
        b"d\x3f\xf0\0\0\0\0\0\0",
        b"D\x02\0\0\0\x01",
        b"S\0\0\0\x02hi",
        b"x\0\0\0\x02\0\xff",
        b"T\0\0\0\0\x5f\0\0\0",
        b"V",
        b"A\0\0\0\x07S\0\0\0\x01aV",
        b"F\0\0\0\x04\x01aI\0",
    ];
    for (index, value) in values.iter().enumerate() {
        bytes.extend([1, b'a' + index as u8]);
        bytes.extend_from_slice(value);
    }
    let nested: Table =
        [("x-death", Value::Array(vec![Value::Table([("count", 3i64)].into_iter().collect())]))]
            .into_iter()
            .collect();
    // The last value above lies about its length: keep what is whole.
    bytes.truncate(bytes.len() - 11);
    nested.encode_content(&mut bytes).expect("names are short");
    bytes
}

/// Arrays within arrays.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = b"V".to_vec();
    for _ in 0..depth {
        let len = u32::try_from(bytes.len()).expect("small");
        bytes = [&b"A"[..], &len.to_be_bytes(), &bytes].concat();
    }
    [&b"\x01a"[..], &bytes].concat()
}

pub(super) fn table_seeds() -> Vec<Vec<u8>> {
    let small = |count| b"\0V".repeat(count);
    vec![
        every_kind(),
        nested(3),
        nested(62),
        nested(66),
        b"\x01".to_vec(),
        Vec::new(),
        small(16_384),
        small(60_000),
    ]
}

pub(super) fn block_seeds() -> Vec<Vec<u8>> {
    let table = every_kind();
    let len = u32::try_from(table.len()).expect("small").to_be_bytes();
    let short = b"\x05hello";
    // All fourteen properties in their order (section 4.2.6.1).
    let all = [
        &[0xff, 0xfc][..],
        short,
        short,
        &len,
        &table,
        &[2],
        &[7],
        short,
        short,
        short,
        short,
        &1_700_000_000u64.to_be_bytes(),
        short,
        short,
        short,
        short,
    ];
    let headers = [&[0x20, 0][..], &len, &table];
    vec![all.concat(), headers.concat(), vec![0, 0], vec![0x10, 0, 2], vec![0x80, 0, 255], vec![0, 1]]
}
