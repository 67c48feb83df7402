//! Whether bytes are a message of a Protobuf schema. Walked, not decoded. Before the message stands the path of its type in the file.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Syntax};

use super::Protobuf;
use crate::language::{Flaw, PAYLOAD_DEPTH_MAX};

/// Whether `payload` is the path of a message and such a message.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(schema: &Protobuf, payload: &[u8]) -> Result<(), Flaw> {
    let (message, left) = typed(schema, payload)?;
    let mut walk = Walk { left };
    walk.message(&message, None, 0)
}

/// The full name of the message that a payload says it is.
pub(crate) fn message_name(schema: &Protobuf, payload: &[u8]) -> Option<String> {
    typed(schema, payload).ok().map(|(message, _)| message.full_name().to_owned())
}

/// The type that a payload says it is, and the rest of it.
fn typed<'a>(schema: &Protobuf, payload: &'a [u8]) -> Result<(MessageDescriptor, &'a [u8]), Flaw> {
    let mut walk = Walk { left: payload };
    let mut index = || {
        let n = walk.varint()?;
        let n = (n >> 1).cast_signed() ^ -((n & 1).cast_signed());
        usize::try_from(n).map_err(|_| Flaw::new(format!("message index {n}")))
    };
    let path = match index()? {
        // One message, the first, is so frequent that it is written as an empty path.
        0 => vec![0],
        length if length > PAYLOAD_DEPTH_MAX => {
            return Err(Flaw::new(format!("a message index of {length} levels")));
        }
        length => (0..length).map(|_| index()).collect::<Result<_, _>>()?,
    };
    let message =
        schema.message(&path).ok_or_else(|| Flaw::new(format!("there is no message with index {path:?}")))?;
    Ok((message, walk.left))
}

struct Walk<'a> {
    left: &'a [u8],
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

impl<'a> Walk<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Flaw> {
        let (taken, left) = self.left.split_at_checked(bytes).ok_or_else(|| Flaw::new("it breaks off"))?;
        self.left = left;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Flaw> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Flaw::new("a number has more than 64 bits"))
    }

    fn sized(&mut self) -> Result<&'a [u8], Flaw> {
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// A message to its end, or a group to the mark that ends it.
    fn message(&mut self, of: &MessageDescriptor, group: Option<u32>, depth: usize) -> Result<(), Flaw> {
        if depth > PAYLOAD_DEPTH_MAX {
            return Err(Flaw::new(format!("it is nested deeper than {PAYLOAD_DEPTH_MAX} levels")));
        }
        let mut missing: Vec<u32> =
            of.fields().filter(FieldDescriptor::is_required).map(|field| field.number()).collect();
        while !self.left.is_empty() {
            let (number, wire) = self.tag()?;
            if wire == GROUP_END {
                return match group {
                    Some(open) if open == number => self.complete(of, &missing),
                    _ => Err(Flaw::new(format!("group {number} ends and did not begin"))),
                };
            }
            missing.retain(|&n| n != number);
            match of.get_field(number) {
                Some(field) => self.field(&field, wire, depth).map_err(|flaw| flaw.below(field.name()))?,
                None => self.unknown(number, wire, depth)?,
            }
        }
        match group {
            Some(number) => Err(Flaw::new(format!("group {number} does not end"))),
            None => self.complete(of, &missing),
        }
    }

    fn complete(&self, of: &MessageDescriptor, missing: &[u32]) -> Result<(), Flaw> {
        let Some(&number) = missing.first() else { return Ok(()) };
        let name = of.get_field(number).map(|field| field.name().to_owned()).unwrap_or_default();
        Err(Flaw::new("a required field is missing").below(name))
    }

    fn tag(&mut self) -> Result<(u32, u8), Flaw> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Flaw::new("a field number beyond 29 bits"))?;
        let (number, wire) = (tag >> 3, (tag & 7) as u8);
        match number {
            0 => Err(Flaw::new("field number 0")),
            number => Ok((number, wire)),
        }
    }

    fn field(&mut self, field: &FieldDescriptor, wire: u8, depth: usize) -> Result<(), Flaw> {
        let kind = field.kind();
        let expected = wire_type(&kind, field.is_group());
        if wire == expected {
            return self.value(field, &kind, depth);
        }
        if wire == BYTES && field.is_list() && matches!(expected, VARINT | FIXED32 | FIXED64) {
            let mut packed = Walk { left: self.sized()? };
            while !packed.left.is_empty() {
                packed.value(field, &kind, depth)?;
            }
            return Ok(());
        }
        Err(Flaw::new(format!("wire type {wire} where {expected} is expected")))
    }

    fn value(&mut self, field: &FieldDescriptor, kind: &Kind, depth: usize) -> Result<(), Flaw> {
        match kind {
            Kind::Message(of) if field.is_group() => self.message(of, Some(field.number()), depth + 1),
            Kind::Message(of) => Walk { left: self.sized()? }.message(of, None, depth + 1),
            Kind::String => match std::str::from_utf8(self.sized()?) {
                // Of proto2 nobody asked that.
                Err(_) if field.parent_file().syntax() != Syntax::Proto2 => {
                    Err(Flaw::new("a string is not UTF-8"))
                }
                _ => Ok(()),
            },
            Kind::Bytes => self.sized().map(drop),
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => self.take(8).map(drop),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => self.take(4).map(drop),
            _ => self.varint().map(drop),
        }
    }

    /// What a later version of the schema may have added is skipped.
    fn unknown(&mut self, number: u32, wire: u8, depth: usize) -> Result<(), Flaw> {
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.take(8).map(drop),
            BYTES => self.sized().map(drop),
            FIXED32 => self.take(4).map(drop),
            GROUP if depth < PAYLOAD_DEPTH_MAX => loop {
                match self.tag()? {
                    (end, GROUP_END) if end == number => return Ok(()),
                    (end, GROUP_END) => return Err(Flaw::new(format!("group {end} ends and did not begin"))),
                    (number, wire) => self.unknown(number, wire, depth + 1)?,
                }
            },
            wire => Err(Flaw::new(format!("wire type {wire} of field {number}"))),
        }
    }
}

fn wire_type(kind: &Kind, is_group: bool) -> u8 {
    match kind {
        Kind::Message(_) if is_group => GROUP,
        Kind::Message(_) | Kind::String | Kind::Bytes => BYTES,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        _ => VARINT,
    }
}
