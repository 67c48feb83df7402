//! Varints as protocol buffers have them, with zigzag: seven bits a byte, the least significant first.
//!
//! An `int` takes at most five bytes, a `long` at most ten; bits beyond 32 or 64 are dropped, as Kafka's own readers do.

/// Most bytes of an `int`.
pub(crate) const INT_BYTES_MAX: usize = 5;
/// Most bytes of a `long`.
const LONG_BYTES_MAX: usize = 10;

/// Takes an `int` off the front of `input`. `None` if it is cut short or longer than five bytes.
pub(crate) fn take_int(input: &mut &[u8]) -> Option<i32> {
    // Nearly all are one byte.
    if let Some((&first, rest)) = input.split_first()
        && first < 0x80
    {
        *input = rest;
        return Some(i32::from(first >> 1) ^ -i32::from(first & 1));
    }
    let raw = take_raw(input, INT_BYTES_MAX)? as u32;
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Takes a `long` off the front of `input`. `None` if it is cut short or longer than ten bytes.
pub(crate) fn take_long(input: &mut &[u8]) -> Option<i64> {
    let raw = take_raw(input, LONG_BYTES_MAX)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

fn take_raw(input: &mut &[u8], bytes_max: usize) -> Option<u64> {
    let mut value = 0_u64;
    for (at, &byte) in input.iter().take(bytes_max).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *input = &input[at + 1..];
            return Some(value);
        }
    }
    None
}

/// Appends an `int`.
pub(crate) fn put_int(out: &mut Vec<u8>, value: i32) {
    put_raw(out, u64::from(zigzag_int(value)));
}

/// Appends a `long`.
pub(crate) fn put_long(out: &mut Vec<u8>, value: i64) {
    put_raw(out, zigzag_long(value));
}

fn put_raw(out: &mut Vec<u8>, mut raw: u64) {
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// Bytes that `value` takes as an `int`.
pub(crate) fn int_bytes(value: i32) -> usize {
    raw_bytes(u64::from(zigzag_int(value)))
}

/// Bytes that `value` takes as a `long`.
pub(crate) fn long_bytes(value: i64) -> usize {
    raw_bytes(zigzag_long(value))
}

fn zigzag_int(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

fn zigzag_long(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn raw_bytes(raw: u64) -> usize {
    (64 - (raw | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_take_the_bytes_they_should() {
        // Value and bytes, from the encoding's definition: zigzag, then groups of seven bits, low ones first.
        let cases: &[(i64, &[u8])] = &[
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 1]),
            (8191, &[0xfe, 0x7f]),
            (-8193, &[0x81, 0x80, 1]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ];
        for (value, bytes) in cases {
            let mut out = Vec::new();
            put_long(&mut out, *value);
            assert_eq!((&out[..], long_bytes(*value)), (*bytes, bytes.len()), "{value}");
            let mut rest = &out[..];
            assert_eq!((take_long(&mut rest), rest), (Some(*value), &[][..]));
            if let Ok(small) = i32::try_from(*value) {
                let mut out = Vec::new();
                put_int(&mut out, small);
                assert_eq!((&out[..], int_bytes(small)), (*bytes, bytes.len()), "{value}");
                let mut rest = &out[..];
                assert_eq!((take_int(&mut rest), rest), (Some(small), &[][..]));
            }
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        for bytes in [&[][..], &[0x80], &[0x80, 0x80], &[0x80; 5], &[0x80, 0x80, 0x80, 0x80, 0x80, 0]] {
            assert_eq!(take_int(&mut &bytes[..]), None, "{bytes:02x?}");
        }
        assert_eq!(take_long(&mut &[0x80; 10][..]), None);
        // Overlong, but within five bytes: read as it is, and what does not fit is dropped.
        assert_eq!(take_int(&mut &[0x82, 0x80, 0][..]), Some(1));
        assert_eq!(take_int(&mut &[0xfe, 0xff, 0xff, 0xff, 0x7f][..]), Some(i32::MAX));
    }
}
