//! Primitives at their borders.

use crate::wire::{Array, Blob, Field, Reader, Text, Uuid, Version, WireError, Writer};

const PLAIN: Version = Version { number: 0, flexible: false };
const FLEXIBLE: Version = Version { number: 9, flexible: true };

fn read<'a, T: Field<'a>>(bytes: &'a [u8], version: Version) -> Result<(T, usize), WireError> {
    let mut input = Reader::new(bytes);
    let value = T::read(&mut input, version)?;
    Ok((value, input.rest().len()))
}

fn written<'a>(value: &impl Field<'a>, version: Version) -> Vec<u8> {
    let mut out = Writer::new();
    value.write(&mut out, version);
    out.into_segments().to_vec()
}

#[test]
fn varints_have_at_most_32_bits() {
    for (bytes, expected) in [
        (&b"\0"[..], Ok(0)),
        (b"\x7f", Ok(127)),
        (b"\x80\x01", Ok(128)),
        (b"\xff\xff\xff\xff\x0f", Ok(u32::MAX)),
        (b"\x80\0", Ok(0)),
        (b"\xff\xff\xff\xff\x1f", Err(WireError::Varint)),
        (b"\xff\xff\xff\xff\xff\x01", Err(WireError::Varint)),
        (b"\x80", Err(WireError::Cut)),
        (b"", Err(WireError::Cut)),
    ] {
        assert_eq!(Reader::new(bytes).varint(), expected, "{bytes:02x?}");
        let mut out = Writer::new();
        out.put_varint(expected.unwrap_or_default());
        assert_eq!(Reader::new(&out.into_segments().to_vec()).varint(), Ok(expected.unwrap_or_default()));
    }
}

#[test]
fn strings_and_bytes_are_counted_null_or_cut() {
    assert_eq!(read::<&str>(b"\0\x02abc", PLAIN), Ok(("ab", 1)));
    assert_eq!(read::<&str>(b"\x03abc", FLEXIBLE), Ok(("ab", 1)));
    assert_eq!(read::<Option<&str>>(b"\xff\xff", PLAIN), Ok((None, 0)));
    assert_eq!(read::<Option<&str>>(b"\xff\xfe", PLAIN), Ok((None, 0)));
    assert_eq!(read::<Option<&str>>(b"\0", FLEXIBLE), Ok((None, 0)));
    assert_eq!(read::<Option<&str>>(b"\x01", FLEXIBLE), Ok((Some(""), 0)));
    assert_eq!(read::<&str>(b"\xff\xff", PLAIN), Err(WireError::Null));
    assert_eq!(read::<Text>(b"\0", FLEXIBLE), Err(WireError::Null));
    assert_eq!(read::<&str>(b"\0\x03ab", PLAIN), Err(WireError::Cut));
    assert_eq!(read::<&str>(b"\0\x01\xff", PLAIN), Err(WireError::Text));
    assert_eq!(read::<&[u8]>(b"\0\0\0\x01\xff", PLAIN), Ok((&b"\xff"[..], 0)));
    assert_eq!(read::<Option<Blob>>(b"\xff\xff\xff\xff", PLAIN), Ok((None, 0)));
    assert_eq!(read::<&[u8]>(b"\x7f\xff\xff\xff", PLAIN), Err(WireError::Cut));
    assert_eq!(read::<&[u8]>(b"\xff\xff\xff\xff\x0f", FLEXIBLE), Err(WireError::Cut));
    assert_eq!(read::<bool>(b"\x02", PLAIN), Ok((true, 0)));
    assert_eq!(read::<Uuid>(&[7; 15], PLAIN), Err(WireError::Cut));
}

#[test]
fn a_string_too_long_for_a_plain_version_is_cut_between_characters() {
    let long = "ü".repeat(20_000);
    assert_eq!(written(&long.as_str(), FLEXIBLE).len(), 40_000 + 3);
    let bytes = written(&long.as_str(), PLAIN);
    assert_eq!(read::<&str>(&bytes, PLAIN), Ok((&long[..32_766], 0)));
}

#[test]
fn counts_are_checked_before_anything_is_read() {
    let count = |count, left| Err(WireError::Count { count, left });
    assert_eq!(read::<Array<&str>>(b"\x7f\xff\xff\xff\0\0", PLAIN), count(0x7fff_ffff, 2));
    assert_eq!(read::<Array<&str>>(b"\xff\xff\xff\xff\x0f\0", FLEXIBLE), count(0xffff_fffe, 1));
    assert_eq!(read::<Array<i64>>(b"\0\0\0\x02\0\0\0\0\0\0\0\x01", PLAIN), Err(WireError::Cut));
    assert_eq!(read::<Array<i8>>(b"\xff\xff\xff\xff", PLAIN), Err(WireError::Null));
    let (array, left) = read::<Array<i8>>(b"\0\0\0\x02\x05\x06\x07", PLAIN).unwrap();
    assert_eq!((array.iter().collect::<Vec<_>>(), array.len(), left), (vec![5, 6], 2, 1));
    assert_eq!(array, Array::from(vec![5, 6]));
    let (none, _) = read::<Option<Array<i8>>>(b"\xff\xff\xff\xff", PLAIN).unwrap();
    assert_eq!(none, None);
}

#[test]
fn tagged_fields_are_bounded_by_what_is_left() {
    assert_eq!(Reader::new(b"\x02\x00\x01a\x05\x00").skip_tags(), Ok(()));
    assert_eq!(Reader::new(b"\x02\0\0\0").skip_tags(), Err(WireError::Count { count: 2, left: 3 }));
    let lie = Reader::new(b"\xff\xff\xff\xff\x0f").skip_tags();
    assert_eq!(lie, Err(WireError::Count { count: u32::MAX as usize, left: 0 }));
    assert_eq!(Reader::new(b"\x01\0\x05abcd").skip_tags(), Err(WireError::Cut));
}
