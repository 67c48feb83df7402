//! What stands in the records: when each was due, then words.

use crate::clock::Nanos;

/// Bytes of text that values are cut from. More than a compressor looks back, so that values are not found twice.
const TEXT_BYTES: usize = 256 << 10;
const WORDS: u64 = 512;

/// Keys and values, made in place.
#[derive(Debug)]
pub(super) struct Content {
    text: Vec<u8>,
    /// Where the next value begins.
    at: usize,
    size: usize,
    key: Vec<u8>,
    keys: u64,
}

impl Content {
    pub(super) fn new(size: u32, key_size: u32) -> Content {
        let size = size as usize;
        Content { text: text(TEXT_BYTES.max(size)), at: 0, size, key: vec![b'k'; key_size as usize], keys: 0 }
    }

    /// The key and the value of the next record: keys count up, values begin with the time.
    #[inline]
    pub(super) fn next(&mut self, due: Nanos) -> (Option<&[u8]>, &[u8]) {
        if self.at + self.size > self.text.len() {
            self.at = 0;
        }
        let value = &mut self.text[self.at..self.at + self.size];
        value[..8].copy_from_slice(&due.to_be_bytes());
        self.at += self.size;
        if self.key.is_empty() {
            return (None, value);
        }
        let number = self.keys.to_be_bytes();
        let digits = self.key.len().min(number.len());
        self.key[..digits].copy_from_slice(&number[number.len() - digits..]);
        self.keys += 1;
        (Some(&self.key), value)
    }
}

/// The time that stands in a value.
#[inline]
pub(super) fn due(value: Option<&[u8]>) -> Option<Nanos> {
    value?.first_chunk().map(|time| u64::from_be_bytes(*time))
}

/// Words at random, the same ones each time.
fn text(bytes: usize) -> Vec<u8> {
    let mut dice = 0x2545_F491_4F6C_DD1D_u64;
    let mut roll = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice >> 33) % sides
    };
    let words: Vec<Vec<u8>> =
        (0..WORDS).map(|_| (0..3 + roll(8)).map(|_| b'a' + roll(26) as u8).collect()).collect();
    let mut text = Vec::with_capacity(bytes + 16);
    while text.len() < bytes {
        text.extend_from_slice(&words[roll(WORDS) as usize]);
        text.push(b' ');
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use anymq_batch::{BatchBuilder, Codec, Head};

    use super::*;

    #[test]
    fn values_carry_their_time_and_keys_count() {
        let mut content = Content::new(16, 2);
        let (key, value) = content.next(0x0102_0304_0506_0708);
        assert_eq!(
            (key, value.len(), due(Some(value))),
            (Some(&[0, 0][..]), 16, Some(0x0102_0304_0506_0708))
        );
        assert_eq!(content.next(1).0, Some(&[0, 1][..]));
        assert_eq!(Content::new(8, 0).next(1).0, None);
        assert_eq!((due(None), due(Some(&[1; 7]))), (None, None));
        let mut large = Content::new(1 << 20, 12);
        assert_eq!(large.next(1).0.map(<[u8]>::len), Some(12));
        assert_eq!(large.next(2).1.len(), 1 << 20);
    }

    #[test]
    fn lz4_makes_batches_about_half_as_long() {
        for size in [100, 1024] {
            let bytes = |codec: Codec| {
                let (mut content, mut plain) = (Content::new(size, 0), 0);
                let mut batch = BatchBuilder::new(Head::default(), codec.into());
                while plain < 64 << 10 {
                    batch.push(0, None, Some(content.next(plain).1), &[]).expect("room");
                    plain += u64::from(size);
                }
                batch.finish().expect("records").len() as f64
            };
            let ratio = bytes(Codec::None) / bytes(Codec::Lz4);
            assert!((1.4..2.6).contains(&ratio), "{size} B: {ratio}");
        }
    }
}
