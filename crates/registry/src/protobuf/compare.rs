//! Whether one Protobuf schema reads what another wrote, by the rules that Confluent documents: fields by number, messages by name.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::Protobuf;
use crate::language::{DIFFERENCES_MAX, Difference, STEPS_MAX};

/// Why `reader` cannot read what `writer` wrote; empty if it can.
pub(crate) fn cannot_read(reader: &Protobuf, writer: &Protobuf) -> Vec<Difference> {
    let mut check =
        Check { path: "#".into(), seen: BTreeSet::new(), later: Vec::new(), found: Vec::new(), steps: 0 };
    let (before, after) = (writer.file.package_name(), reader.file.package_name());
    if before != after {
        check.note("PACKAGE_CHANGED", format!("package {before} became {after}"));
    }
    let (read, written): (Vec<_>, Vec<_>) =
        (reader.file.messages().collect(), writer.file.messages().collect());
    check.messages(&read, &written);
    // Not where they are used: types may use each other without end.
    while let Some((path, reader, writer)) = check.later.pop() {
        check.path = path;
        check.message(&reader, &writer);
    }
    if check.steps >= STEPS_MAX {
        check.found.clear();
        check.note("TOO_COMPLEX", format!("more than {STEPS_MAX} fields have to be compared"));
    }
    check.found
}

struct Check {
    path: String,
    /// Pairs of messages that were compared, by name.
    seen: BTreeSet<(String, String)>,
    /// Messages that fields are of, and where.
    later: Vec<(String, MessageDescriptor, MessageDescriptor)>,
    found: Vec<Difference>,
    steps: usize,
}

impl Check {
    fn note(&mut self, kind: &'static str, text: String) {
        if self.found.len() < DIFFERENCES_MAX {
            self.found.push(Difference { kind, path: self.path.clone(), text });
        }
    }

    fn below(&mut self, step: &str, compare: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        compare(self);
        self.path.truncate(length);
    }

    fn messages(&mut self, read: &[MessageDescriptor], written: &[MessageDescriptor]) {
        for writer in written.iter().filter(|message| !message.is_map_entry()) {
            self.below(writer.name(), |check| match read.iter().find(|r| r.name() == writer.name()) {
                Some(reader) => check.message(reader, writer),
                None => check.note("MESSAGE_REMOVED", format!("message {} was removed", writer.name())),
            });
        }
    }

    fn message(&mut self, reader: &MessageDescriptor, writer: &MessageDescriptor) {
        if !self.seen.insert((reader.full_name().to_owned(), writer.full_name().to_owned())) {
            return;
        }
        let by_number = |message: &MessageDescriptor| -> BTreeMap<u32, FieldDescriptor> {
            message.fields().map(|field| (field.number(), field)).collect()
        };
        let (read, written) = (by_number(reader), by_number(writer));
        for (number, before) in &written {
            self.steps += 1;
            if self.steps >= STEPS_MAX {
                return;
            }
            self.below(&number.to_string(), |check| match read.get(number) {
                Some(field) => check.field(field, before),
                None => check.removed(before),
            });
        }
        for (number, field) in read.iter().filter(|(number, _)| !written.contains_key(number)) {
            if field.is_required() {
                self.below(&number.to_string(), |check| {
                    check.note("REQUIRED_FIELD_ADDED", format!("required field {} was added", field.name()));
                });
            }
        }
        self.oneofs(reader, writer, &written);
        let (read, written): (Vec<_>, Vec<_>) =
            (reader.child_messages().collect(), writer.child_messages().collect());
        self.messages(&read, &written);
    }

    fn removed(&mut self, before: &FieldDescriptor) {
        let name = before.name();
        if before.is_required() {
            self.note("REQUIRED_FIELD_REMOVED", format!("required field {name} was removed"));
        } else if before.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic()) {
            self.note("ONEOF_FIELD_REMOVED", format!("field {name} was removed from its oneof"));
        }
    }

    fn field(&mut self, reader: &FieldDescriptor, writer: &FieldDescriptor) {
        if reader.is_required() && !writer.is_required() {
            self.note("REQUIRED_FIELD_ADDED", format!("field {} is required now", reader.name()));
        }
        if writer.containing_oneof().is_some_and(|o| !o.is_synthetic()) && reader.containing_oneof().is_none()
        {
            self.note("ONEOF_FIELD_REMOVED", format!("field {} was taken out of its oneof", reader.name()));
        }
        let (read, written) = (reader.kind(), writer.kind());
        match (&read, &written) {
            (Kind::Message(r), Kind::Message(w)) if r.is_map_entry() && w.is_map_entry() => {
                self.below("value", |check| {
                    check.field(&r.map_entry_value_field(), &w.map_entry_value_field())
                });
                self.below("key", |check| check.field(&r.map_entry_key_field(), &w.map_entry_key_field()));
                return;
            }
            (Kind::Message(r), Kind::Message(w)) if r.is_map_entry() != w.is_map_entry() => {
                self.note("FIELD_KIND_CHANGED", "a map became something else, or the other way round".into());
            }
            (Kind::Message(r), Kind::Message(w)) => {
                match relative(r.full_name(), r.package_name()) == relative(w.full_name(), w.package_name()) {
                    true => self.later.push((self.path.clone(), r.clone(), w.clone())),
                    false => self.note(
                        "FIELD_NAMED_TYPE_CHANGED",
                        format!("type {} became {}", w.full_name(), r.full_name()),
                    ),
                }
            }
            (Kind::Message(_), _) | (_, Kind::Message(_)) => {
                self.note("FIELD_KIND_CHANGED", format!("type {} became {}", word(&written), word(&read)));
            }
            (Kind::Enum(_), Kind::Enum(_)) => {}
            _ if family(&read) == family(&written) => {}
            _ => self
                .note("FIELD_SCALAR_KIND_CHANGED", format!("type {} became {}", word(&written), word(&read))),
        }
        if reader.is_list() != writer.is_list()
            && !matches!(read, Kind::String | Kind::Bytes | Kind::Message(_))
        {
            self.note(
                "FIELD_NUMERIC_LABEL_CHANGED",
                format!("field {} became repeated, or single", reader.name()),
            );
        }
    }

    /// Fields that were there before may not be put together: only one of them would be read.
    fn oneofs(
        &mut self,
        reader: &MessageDescriptor,
        writer: &MessageDescriptor,
        written: &BTreeMap<u32, FieldDescriptor>,
    ) {
        for oneof in reader.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let free = |field: &FieldDescriptor| {
                written.get(&field.number()).is_some_and(|before| {
                    before.containing_oneof().is_none_or(|before| before.is_synthetic())
                })
            };
            let moved = oneof.fields().filter(free).count();
            let existed =
                writer.oneofs().any(|before| before.name() == oneof.name() && !before.is_synthetic());
            self.below(oneof.name(), |check| match (moved, existed) {
                (0, _) | (1, false) => {}
                (1, true) => check.note(
                    "FIELD_MOVED_TO_EXISTING_ONEOF",
                    format!("a field was moved into oneof {}", oneof.name()),
                ),
                (moved, _) => check.note(
                    "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
                    format!("{moved} fields were moved into oneof {}", oneof.name()),
                ),
            });
        }
    }
}

fn relative<'a>(full: &'a str, package: &str) -> &'a str {
    full.strip_prefix(package).map_or(full, |rest| rest.trim_start_matches('.'))
}

/// Scalar types that are the same on the wire.
fn family(kind: &Kind) -> u8 {
    match kind {
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => 0,
        Kind::Sint32 | Kind::Sint64 => 1,
        Kind::String | Kind::Bytes => 2,
        Kind::Fixed32 | Kind::Sfixed32 => 3,
        Kind::Fixed64 | Kind::Sfixed64 => 4,
        Kind::Float => 5,
        Kind::Double => 6,
        Kind::Message(_) => 7,
    }
}

/// What a type is called.
pub(super) fn word(kind: &Kind) -> String {
    match kind {
        Kind::Double => "double".into(),
        Kind::Float => "float".into(),
        Kind::Int32 => "int32".into(),
        Kind::Int64 => "int64".into(),
        Kind::Uint32 => "uint32".into(),
        Kind::Uint64 => "uint64".into(),
        Kind::Sint32 => "sint32".into(),
        Kind::Sint64 => "sint64".into(),
        Kind::Fixed32 => "fixed32".into(),
        Kind::Fixed64 => "fixed64".into(),
        Kind::Sfixed32 => "sfixed32".into(),
        Kind::Sfixed64 => "sfixed64".into(),
        Kind::Bool => "bool".into(),
        Kind::String => "string".into(),
        Kind::Bytes => "bytes".into(),
        Kind::Message(message) => format!(".{}", message.full_name()),
        Kind::Enum(e) => format!(".{}", e.full_name()),
    }
}
