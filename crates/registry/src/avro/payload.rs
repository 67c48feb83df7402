//! Whether bytes are one value of an Avro schema: "Binary Encoding" in the specification. Walked, not decoded.

use super::{Avro, Node, NodeId};
use crate::language::{Flaw, PAYLOAD_DEPTH_MAX};

/// Values that a payload may stand for, for each of its bytes and at least: some take no byte at all.
const STEPS_PER_BYTE: usize = 16;
const STEPS_MIN: usize = 65_536;

/// Whether `payload` is a value of `schema`, to its last byte.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(schema: &Avro, payload: &[u8]) -> Result<(), Flaw> {
    let steps = payload.len().saturating_mul(STEPS_PER_BYTE).max(STEPS_MIN);
    let mut walk = Walk { schema, left: payload, steps };
    walk.value(schema.root, 0)?;
    match walk.left.len() {
        0 => Ok(()),
        more => Err(Flaw::new(format!("{more} bytes follow the value"))),
    }
}

struct Walk<'a> {
    schema: &'a Avro,
    left: &'a [u8],
    steps: usize,
}

impl<'a> Walk<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Flaw> {
        let (taken, left) = self.left.split_at_checked(bytes).ok_or_else(|| Flaw::new("it breaks off"))?;
        self.left = left;
        Ok(taken)
    }

    fn long(&mut self) -> Result<i64, Flaw> {
        let mut value = 0u64;
        for shift in (0..).step_by(7).take(10) {
            let byte = self.take(1)?[0];
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
            }
        }
        Err(Flaw::new("a number has more than 64 bits"))
    }

    fn length(&mut self) -> Result<usize, Flaw> {
        let length = self.long()?;
        usize::try_from(length).map_err(|_| Flaw::new(format!("a length of {length}")))
    }

    fn value(&mut self, id: NodeId, depth: usize) -> Result<(), Flaw> {
        if depth > PAYLOAD_DEPTH_MAX {
            return Err(Flaw::new(format!("it is nested deeper than {PAYLOAD_DEPTH_MAX} levels")));
        }
        self.steps = self.steps.checked_sub(1).ok_or_else(|| Flaw::new("too many values for its bytes"))?;
        let schema = self.schema;
        match schema.node(id) {
            Node::Null => Ok(()),
            Node::Boolean => match self.take(1)?[0] {
                0 | 1 => Ok(()),
                other => Err(Flaw::new(format!("a boolean of {other}"))),
            },
            Node::Int => match i32::try_from(self.long()?) {
                Ok(_) => Ok(()),
                Err(_) => Err(Flaw::new("an int has more than 32 bits")),
            },
            Node::Long => self.long().map(drop),
            Node::Float => self.take(4).map(drop),
            Node::Double => self.take(8).map(drop),
            Node::Bytes => {
                let length = self.length()?;
                self.take(length).map(drop)
            }
            Node::Text => self.text(),
            Node::Fixed { size, .. } => self.take(*size).map(drop),
            Node::Enum { symbols, .. } => match self.long()? {
                n if usize::try_from(n).is_ok_and(|n| n < symbols.len()) => Ok(()),
                n => Err(Flaw::new(format!("symbol {n} of {}", symbols.len()))),
            },
            Node::Union(variants) => {
                let n = self.long()?;
                let variant = usize::try_from(n).ok().and_then(|n| variants.get(n));
                let &variant = variant
                    .ok_or_else(|| Flaw::new(format!("branch {n} of a union of {}", variants.len())))?;
                self.value(variant, depth + 1)
            }
            Node::Record(_, fields) => fields.iter().try_for_each(|field| {
                self.value(field.node, depth + 1).map_err(|flaw| flaw.below(field.name.as_str()))
            }),
            Node::Array(items) => self.blocks(|walk, index| {
                walk.value(*items, depth + 1).map_err(|flaw| flaw.below(index.to_string()))
            }),
            Node::Map(values) => self.blocks(|walk, index| {
                walk.text()
                    .and_then(|()| walk.value(*values, depth + 1))
                    .map_err(|flaw| flaw.below(index.to_string()))
            }),
        }
    }

    fn text(&mut self) -> Result<(), Flaw> {
        let length = self.length()?;
        match std::str::from_utf8(self.take(length)?) {
            Ok(_) => Ok(()),
            Err(_) => Err(Flaw::new("a string is not UTF-8")),
        }
    }

    fn blocks(&mut self, mut item: impl FnMut(&mut Self, u64) -> Result<(), Flaw>) -> Result<(), Flaw> {
        let mut index = 0;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // The size of the block in bytes, for those who skip it.
                self.length()?;
            }
            for _ in 0..count.unsigned_abs() {
                item(self, index)?;
                index += 1;
            }
        }
    }
}
