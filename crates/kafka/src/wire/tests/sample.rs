//! Any value of any message: what tests write and read.

use anymq_runtime::Rng;
use bytes::Bytes;

use crate::wire::{Array, Batches, Blob, ErrorCode, Text, Uuid};

/// Where samples come from.
pub(crate) struct Dice(pub(crate) Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(Rng::new(seed))
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.0.below(from.len() as u64) as usize]
    }
}

/// A type that has samples.
pub(crate) trait Sample {
    fn sample(dice: &mut Dice) -> Self;
}

macro_rules! integers {
    ($($Int:ty),*) => {$(
        impl Sample for $Int {
            fn sample(dice: &mut Dice) -> Self {
                match dice.0.below(4) {
                    0 => dice.pick(&[0, 1, <$Int>::MIN, <$Int>::MAX, (0 as $Int).wrapping_sub(1)]),
                    _ => dice.0.next_u64() as $Int,
                }
            }
        }
    )*};
}

integers!(i8, i16, u16, i32, i64);

impl Sample for bool {
    fn sample(dice: &mut Dice) -> Self {
        dice.pick(&[false, true])
    }
}

impl Sample for f64 {
    fn sample(dice: &mut Dice) -> Self {
        dice.pick(&[0.0, -1.5, 1e300])
    }
}

impl Sample for ErrorCode {
    fn sample(dice: &mut Dice) -> Self {
        dice.pick(ErrorCode::ALL)
    }
}

impl Sample for Uuid {
    fn sample(dice: &mut Dice) -> Self {
        let half = dice.pick(&[0, 0x0102_0304_0506_0708_u64]);
        Uuid((u128::from(half) << 64 | u128::from(half)).to_be_bytes())
    }
}

impl Sample for &str {
    fn sample(dice: &mut Dice) -> Self {
        const LONG: &str = "a name of a hundred and thirty bytes, so that its length takes a varint of two bytes, as \
                            names of that length are found now and then";
        dice.pick(&["", "t", "orders", "größe", LONG])
    }
}

impl Sample for &[u8] {
    fn sample(dice: &mut Dice) -> Self {
        const LONG: &[u8] = &[7; 20_000];
        dice.pick(&[b"", b"\0", b"some bytes", LONG])
    }
}

impl Sample for Text<'_> {
    fn sample(dice: &mut Dice) -> Self {
        <&str>::sample(dice).into()
    }
}

impl Sample for Blob<'_> {
    fn sample(dice: &mut Dice) -> Self {
        <&[u8]>::sample(dice).into()
    }
}

impl Sample for Batches<'_> {
    fn sample(dice: &mut Dice) -> Self {
        let pieces: Vec<Bytes> =
            (0..dice.0.below(3)).map(|_| Bytes::from_static(<&[u8]>::sample(dice))).collect();
        pieces.into()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(dice: &mut Dice) -> Self {
        bool::sample(dice).then(|| T::sample(dice))
    }
}

impl<T: Sample> Sample for Array<'_, T> {
    fn sample(dice: &mut Dice) -> Self {
        (0..dice.0.below(4)).map(|_| T::sample(dice)).collect()
    }
}
