//! Batches put together byte by byte, with nothing of the crate under test.

#![allow(dead_code, reason = "each test takes what it needs")]

/// A header's fields, in the order in which they are stored; length and CRC are computed.
#[derive(Clone, Copy)]
pub(crate) struct Raw {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) magic: i8,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) count: i32,
}

/// Two records, uncompressed, of no producer.
pub(crate) const RAW: Raw = Raw {
    base_offset: 0,
    leader_epoch: -1,
    magic: 2,
    attributes: 0,
    last_offset_delta: 1,
    base_timestamp: 1_700_000_000_000,
    max_timestamp: 1_700_000_000_005,
    producer_id: -1,
    producer_epoch: -1,
    base_sequence: -1,
    count: 2,
};

/// The records of [`RAW`]: `k` → `hello` with the header `h` = `x`, and, 5 ms later, `null` → `null`.
#[rustfmt::skip]
pub(crate) const RECORDS: &[u8] = &[
    // Length 16, attributes, timestamp +0, offset +0, key, value, one header.
    0x20, 0, 0, 0, 2, b'k', 10, b'h', b'e', b'l', b'l', b'o', 2, 2, b'h', 2, b'x',
    // Length 6, attributes, timestamp +5, offset +1, no key, no value, no header.
    0x0c, 0, 10, 2, 1, 1, 0,
];

impl Raw {
    /// The batch with these records, as they are.
    pub(crate) fn with(&self, records: &[u8]) -> Vec<u8> {
        let mut tail = Vec::new();
        tail.extend(self.attributes.to_be_bytes());
        tail.extend(self.last_offset_delta.to_be_bytes());
        tail.extend(self.base_timestamp.to_be_bytes());
        tail.extend(self.max_timestamp.to_be_bytes());
        tail.extend(self.producer_id.to_be_bytes());
        tail.extend(self.producer_epoch.to_be_bytes());
        tail.extend(self.base_sequence.to_be_bytes());
        tail.extend(self.count.to_be_bytes());
        tail.extend(records);
        let mut batch = Vec::new();
        batch.extend(self.base_offset.to_be_bytes());
        batch.extend((tail.len() as i32 + 9).to_be_bytes());
        batch.extend(self.leader_epoch.to_be_bytes());
        batch.extend(self.magic.to_be_bytes());
        batch.extend(crc(0x82f6_3b78, &tail).to_be_bytes());
        batch.extend(tail);
        batch
    }
}

/// A CRC of 32 bits, reflected, bit by bit: Castagnoli's for batches, `0xedb8_8320` for gzip.
pub(crate) fn crc(polynomial: u32, bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (polynomial & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// `plain` in each of the compressed formats, written by hand in the way that needs no compressor: one stored block.
/// The number is the codec's in the attributes. `plain` is shorter than 60 bytes.
pub(crate) fn stored(plain: &[u8]) -> Vec<(i16, Vec<u8>)> {
    let len = plain.len() as u8;
    let join = |parts: &[&[u8]]| parts.concat();
    // RFC 1952: no name, no time; RFC 1951: a last, stored block.
    let gzip = join(&[
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, len, 0, !len, 0xff],
        plain,
        &crc(0xedb8_8320, plain).to_le_bytes(),
        &[len, 0, 0, 0],
    ]);
    // A literal shorter than 60 bytes has its length in the tag.
    let raw = join(&[&[len, (len - 1) << 2], plain]);
    let framed = join(&[
        &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1],
        &[0, 0, 0, len + 2],
        &raw,
    ]);
    // Version 1, independent blocks, 64 KiB; an uncompressed block; the end mark.
    let lz4 = join(&[&[4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, len, 0, 0, 0x80], plain, &[0, 0, 0, 0]]);
    // One segment, its size in a byte; a last, raw block.
    let zstd = join(&[&[0x28, 0xb5, 0x2f, 0xfd, 0x20, len, len << 3 | 1, len >> 5, 0], plain]);
    vec![(1, gzip), (2, raw), (2, framed), (3, lz4), (4, zstd)]
}

/// A record's bytes without headers: key and value shorter than 64 bytes, deltas in −64..64.
pub(crate) fn record(
    timestamp_delta: i8,
    offset_delta: i8,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Vec<u8> {
    let zigzag = |value: i8| ((value << 1) ^ (value >> 7)) as u8;
    let mut body = vec![0, zigzag(timestamp_delta), zigzag(offset_delta)];
    for part in [key, value] {
        body.push(part.map_or(1, |part| zigzag(part.len() as i8)));
        body.extend(part.unwrap_or_default());
    }
    body.push(0);
    body.insert(0, zigzag(body.len() as i8));
    body
}
