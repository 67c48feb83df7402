//! A Protobuf file as text, made of its descriptor: the same for all files that mean the same, whatever their comments and blanks.

use std::fmt::Write;

use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, field_descriptor_proto,
};
use prost_reflect::{
    DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, ServiceDescriptor, Value,
};

use super::compare::word;

/// One past the largest field number.
const NUMBERS_END: i32 = 1 << 29;

/// Prints a file.
///
/// # Errors
/// It is of an edition, which has no text here.
pub(super) fn file(file: &FileDescriptor) -> Result<String, String> {
    let proto = file.file_descriptor_proto();
    let syntax = match proto.syntax.as_deref() {
        None | Some("" | "proto2") => "proto2",
        Some("proto3") => "proto3",
        Some(other) => return Err(format!("syntax {other} is not supported")),
    };
    let mut out =
        Printer { text: format!("syntax = \"{syntax}\";\n"), indent: 0, is_proto2: syntax == "proto2" };
    if !file.package_name().is_empty() {
        out.line(&format!("package {};", file.package_name()));
    }
    for (index, name) in proto.dependency.iter().enumerate() {
        let index = index as i32;
        let how = if proto.public_dependency.contains(&index) {
            "public "
        } else if proto.weak_dependency.contains(&index) {
            "weak "
        } else {
            ""
        };
        out.line(&format!("import {how}{};", quoted(name.as_bytes())));
    }
    out.options(&file.options());
    file.messages().for_each(|message| out.message(&message));
    file.enums().for_each(|e| out.enumeration(&e));
    out.extensions(file.extensions());
    file.services().for_each(|service| out.service(&service));
    Ok(out.text)
}

struct Printer {
    text: String,
    indent: usize,
    is_proto2: bool,
}

impl Printer {
    fn line(&mut self, text: &str) {
        let width = self.indent * 2;
        self.text.push_str(&format!("{:width$}{text}\n", ""));
    }

    fn open(&mut self, text: &str) {
        self.line(&format!("{text} {{"));
        self.indent += 1;
    }

    fn close(&mut self) {
        self.indent -= 1;
        self.line("}");
    }

    fn options(&mut self, options: &DynamicMessage) {
        for option in list_options(options) {
            self.line(&format!("option {option};"));
        }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        self.open(&format!("message {}", message.name()));
        self.body(message);
        self.close();
    }

    fn body(&mut self, message: &MessageDescriptor) {
        let proto = message.descriptor_proto();
        self.options(&message.options());
        self.reserved(proto);
        let mut printed = Vec::new();
        for field in in_order(message) {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                None => self.field(&field),
                Some(oneof) if printed.contains(&oneof.name().to_owned()) => {}
                Some(oneof) => {
                    printed.push(oneof.name().to_owned());
                    self.open(&format!("oneof {}", oneof.name()));
                    self.options(&oneof.options());
                    for field in in_order(message) {
                        if field.containing_oneof().is_some_and(|other| other.name() == oneof.name()) {
                            self.field(&field);
                        }
                    }
                    self.close();
                }
            }
        }
        for range in &proto.extension_range {
            self.line(&format!("extensions {};", span(range.start(), range.end())));
        }
        for child in message.child_messages() {
            if !child.is_map_entry() && !is_group_of(message, &child) {
                self.message(&child);
            }
        }
        message.child_enums().for_each(|e| self.enumeration(&e));
        self.extensions(message.child_extensions());
    }

    fn reserved(&mut self, proto: &DescriptorProto) {
        let ranges: Vec<String> =
            proto.reserved_range.iter().map(|range| span(range.start(), range.end())).collect();
        let names: Vec<String> = proto.reserved_name.iter().map(|name| quoted(name.as_bytes())).collect();
        for listed in [ranges, names].iter().filter(|listed| !listed.is_empty()) {
            self.line(&format!("reserved {};", listed.join(", ")));
        }
    }

    fn field(&mut self, field: &FieldDescriptor) {
        let proto = field.field_descriptor_proto();
        let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
        let options = field_options(proto, &field.options());
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return };
            let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            let head = format!("map<{}, {}> {} = {}", word(&key), word(&value), field.name(), field.number());
            self.line(&format!("{head}{options};"));
            return;
        }
        let label = if in_oneof { "" } else { self.label(proto) };
        self.typed(label, &field.kind(), field.is_group(), field.name(), field.number(), &options);
    }

    fn typed(&mut self, label: &str, kind: &Kind, is_group: bool, name: &str, number: u32, options: &str) {
        match kind {
            Kind::Message(message) if is_group => {
                self.open(&format!("{label}group {} = {number}{options}", message.name()));
                self.body(message);
                self.close();
            }
            kind => self.line(&format!("{label}{} {name} = {number}{options};", word(kind))),
        }
    }

    fn label(&self, proto: &FieldDescriptorProto) -> &'static str {
        match proto.label() {
            field_descriptor_proto::Label::Repeated => "repeated ",
            field_descriptor_proto::Label::Required => "required ",
            field_descriptor_proto::Label::Optional if self.is_proto2 || proto.proto3_optional() => {
                "optional "
            }
            field_descriptor_proto::Label::Optional => "",
        }
    }

    fn enumeration(&mut self, e: &EnumDescriptor) {
        let proto: &EnumDescriptorProto = e.enum_descriptor_proto();
        self.open(&format!("enum {}", e.name()));
        self.options(&e.options());
        let ranges: Vec<String> = proto
            .reserved_range
            .iter()
            .map(|range| match (range.start(), range.end()) {
                (start, end) if start == end => start.to_string(),
                (start, i32::MAX) => format!("{start} to max"),
                (start, end) => format!("{start} to {end}"),
            })
            .collect();
        let names: Vec<String> = proto.reserved_name.iter().map(|name| quoted(name.as_bytes())).collect();
        for listed in [ranges, names].iter().filter(|listed| !listed.is_empty()) {
            self.line(&format!("reserved {};", listed.join(", ")));
        }
        // As they were declared: the first is the default.
        for value in &proto.value {
            let options =
                e.get_value_by_name(value.name()).map(|value| bracketed(list_options(&value.options())));
            self.line(&format!("{} = {}{};", value.name(), value.number(), options.unwrap_or_default()));
        }
        self.close();
    }

    fn extensions(&mut self, extensions: impl Iterator<Item = ExtensionDescriptor>) {
        for extension in extensions {
            let proto = extension.field_descriptor_proto();
            self.open(&format!("extend .{}", extension.containing_message().full_name()));
            let options = field_options(proto, &extension.options());
            let (label, name) = (self.label(proto), extension.name());
            let kind = extension.kind();
            self.typed(label, &kind, extension.is_group(), name, extension.number(), &options);
            self.close();
        }
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.open(&format!("service {}", service.name()));
        self.options(&service.options());
        for method in service.methods() {
            let stream = |is: bool| if is { "stream " } else { "" };
            let head = format!(
                "rpc {} ({}.{}) returns ({}.{})",
                method.name(),
                stream(method.is_client_streaming()),
                method.input().full_name(),
                stream(method.is_server_streaming()),
                method.output().full_name()
            );
            let options = method.options();
            if list_options(&options).is_empty() {
                self.line(&format!("{head};"));
            } else {
                self.open(&head);
                self.options(&options);
                self.close();
            }
        }
        self.close();
    }
}

/// Fields as they were declared.
fn in_order(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let numbers = message.descriptor_proto().field.iter().map(|field| field.number().unsigned_abs());
    numbers.filter_map(|number| message.get_field(number)).collect()
}

fn is_group_of(message: &MessageDescriptor, child: &MessageDescriptor) -> bool {
    message.fields().any(|field| {
        field.is_group() && matches!(field.kind(), Kind::Message(of) if of.full_name() == child.full_name())
    })
}

/// Field numbers from `start` up to, and without, `end`.
fn span(start: i32, end: i32) -> String {
    match end - 1 {
        last if last == start => start.to_string(),
        last if last + 1 >= NUMBERS_END => format!("{start} to max"),
        last => format!("{start} to {last}"),
    }
}

fn field_options(proto: &FieldDescriptorProto, options: &DynamicMessage) -> String {
    let mut all = Vec::new();
    if let Some(default) = &proto.default_value {
        let text = match proto.r#type() {
            field_descriptor_proto::Type::String => quoted(default.as_bytes()),
            // Bytes are escaped already.
            field_descriptor_proto::Type::Bytes => format!("\"{default}\""),
            _ => default.clone(),
        };
        all.push(format!("default = {text}"));
    }
    if let Some(json) = proto.json_name.as_ref().filter(|json| **json != json_name(proto.name())) {
        all.push(format!("json_name = {}", quoted(json.as_bytes())));
    }
    all.extend(list_options(options));
    bracketed(all)
}

/// The name in JSON that a field has by itself.
fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

fn bracketed(options: Vec<String>) -> String {
    if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) }
}

/// `name = value` of every option that is set.
fn list_options(options: &DynamicMessage) -> Vec<String> {
    let mut all = Vec::new();
    for (field, value) in options.fields() {
        each_value(value, &mut |one| {
            all.push(format!("{} = {}", field.name(), constant(&field.kind(), one)))
        });
    }
    for (extension, value) in options.extensions() {
        let name = extension.full_name();
        each_value(value, &mut |one| all.push(format!("({name}) = {}", constant(&extension.kind(), one))));
    }
    all
}

fn each_value(value: &Value, each: &mut dyn FnMut(&Value)) {
    match value {
        Value::List(values) => values.iter().for_each(each),
        one => each(one),
    }
}

fn constant(kind: &Kind, value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::I32(n) => n.to_string(),
        Value::I64(n) => n.to_string(),
        Value::U32(n) => n.to_string(),
        Value::U64(n) => n.to_string(),
        Value::F32(n) => format!("{n:?}").to_lowercase(),
        Value::F64(n) => format!("{n:?}").to_lowercase(),
        Value::String(text) => quoted(text.as_bytes()),
        Value::Bytes(bytes) => quoted(bytes),
        Value::EnumNumber(n) => match kind {
            Kind::Enum(e) => e.get_value(*n).map_or_else(|| n.to_string(), |value| value.name().to_owned()),
            _ => n.to_string(),
        },
        Value::Message(message) => format!("{{ {} }}", message.to_text_format()),
        // No option is one.
        Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'\n' => out.push_str("\\n"),
            0x20..=0x7e => out.push(char::from(byte)),
            other => write!(out, "\\{other:03o}").expect("a string can be written to"),
        }
    }
    out.push('"');
    out
}
