//! Protocol Buffers: proto2 and proto3, compiled by `protox` as protoc does.
//!
//! A schema comes as text, or as the base64 of its serialized `FileDescriptorProto`, as Python's client sends it. Either way it is kept
//! as the text that [`print`] makes of the descriptor.

pub(crate) mod compare;
pub(crate) mod payload;
pub(crate) mod print;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::prost::Message as _;
use prost_reflect::prost::encoding::{DecodeContext, decode_key, skip_field};
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto};
use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use crate::language::Referenced;
use crate::text::{self, PROTO_DEPTH_MAX};

/// Most types of a schema with all it imports, and most statements: compiling takes the square of them.
const TYPES_MAX: usize = 2_000;
const STATEMENTS_MAX: usize = 20_000;
/// What a schema's own file is called.
const OWN_NAME: &str = "default";

/// A schema and everything it imports.
#[derive(Debug)]
pub(crate) struct Protobuf {
    pub(crate) file: FileDescriptor,
}

impl Protobuf {
    /// Compiles a schema; its canonical text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(source: &str, references: &[Referenced]) -> Result<(Protobuf, String), String> {
        let mut size = Size::default();
        size.add(source)?;
        let mut files = vec![file_of(OWN_NAME, source)?];
        for reference in references {
            size.add(&reference.text)?;
            files.push(file_of(&reference.name, &reference.text)?);
        }
        let mut resolver = ChainFileResolver::new();
        resolver.add(Files(files));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).include_source_info(false);
        compiler.open_file(OWN_NAME).map_err(|e| one_line(&e.to_string()))?;
        let file = compiler.descriptor_pool().get_file_by_name(OWN_NAME);
        let file = file.ok_or_else(|| "it compiles to nothing".to_owned())?;
        let text = print::file(&file)?;
        Ok((Protobuf { file }, text))
    }

    /// The serialized `FileDescriptorProto`, in base64.
    pub(crate) fn serialized(&self) -> String {
        BASE64_STANDARD.encode(without_source_info(&self.file.encode_to_vec()))
    }

    /// The message with this path of indexes: of the file's messages, then of the messages within.
    pub(crate) fn message(&self, path: &[usize]) -> Option<MessageDescriptor> {
        let (first, rest) = path.split_first()?;
        let mut message = self.file.messages().nth(*first)?;
        for index in rest {
            let next = message.child_messages().nth(*index)?;
            message = next;
        }
        (!message.is_map_entry()).then_some(message)
    }
}

/// A serialized file without the places of its declarations in the text. Not decoded and written again, which would lose custom options.
fn without_source_info(file: &[u8]) -> Vec<u8> {
    const SOURCE_CODE_INFO: u32 = 9;
    let mut kept = Vec::with_capacity(file.len());
    let mut left = file;
    while !left.is_empty() {
        let begin = left;
        let Ok((number, wire)) = decode_key(&mut left) else { break };
        if skip_field(wire, number, &mut left, DecodeContext::default()).is_err() {
            break;
        }
        if number != SOURCE_CODE_INFO {
            kept.extend_from_slice(&begin[..begin.len() - left.len()]);
        }
    }
    kept
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How much there is to compile.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    types: usize,
    statements: usize,
}

impl Size {
    /// Counts a file before it is parsed: each type has a brace, each statement ends with a semicolon. Those in comments and texts count
    /// too.
    fn add(&mut self, source: &str) -> Result<(), String> {
        let count = |wanted: u8| source.bytes().filter(|byte| *byte == wanted).count();
        if is_base64(source.trim()) {
            let (_, file) = serialized(source.trim())?;
            file.message_type.iter().for_each(|message| self.message(message));
            self.types += file.enum_type.len() + file.service.len();
            self.statements += file.dependency.len() + file.extension.len();
            self.statements += file.enum_type.iter().map(|e| e.value.len()).sum::<usize>();
            self.statements += file.service.iter().map(|service| service.method.len()).sum::<usize>();
        } else {
            self.types += count(b'{');
            self.statements += count(b';');
        }
        if self.types > TYPES_MAX || self.statements > STATEMENTS_MAX {
            return Err(format!(
                "it has, with what it imports, more than {TYPES_MAX} types or {STATEMENTS_MAX} statements"
            ));
        }
        Ok(())
    }
}

impl Size {
    fn message(&mut self, message: &DescriptorProto) {
        self.types += 1 + message.enum_type.len();
        self.statements += message.field.len() + message.extension.len() + message.oneof_decl.len();
        self.statements +=
            message.reserved_range.len() + message.reserved_name.len() + message.extension_range.len();
        self.statements += message.enum_type.iter().map(|e| e.value.len()).sum::<usize>();
        message.nested_type.iter().for_each(|nested| self.message(nested));
    }
}

/// A serialized file: its bytes, and what they are.
fn serialized(source: &str) -> Result<(Vec<u8>, FileDescriptorProto), String> {
    let bytes = BASE64_STANDARD.decode(source).map_err(|e| e.to_string())?;
    let file = FileDescriptorProto::decode(&bytes[..]).map_err(|e| e.to_string())?;
    Ok((bytes, file))
}

/// Nothing in Protobuf's language is without a space or a semicolon.
fn is_base64(source: &str) -> bool {
    !source.is_empty() && source.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}

/// The file of that name, from text or from a serialized descriptor.
fn file_of(name: &str, source: &str) -> Result<File, String> {
    let source = source.trim();
    if is_base64(source) {
        let (bytes, file) = serialized(source)?;
        if file.message_type.iter().map(nesting).max().unwrap_or(0) > PROTO_DEPTH_MAX {
            return Err(format!("it is nested deeper than {PROTO_DEPTH_MAX} levels"));
        }
        // The custom options are in the bytes; the parsed message has lost them.
        let mut named =
            FileDescriptorProto { name: Some(name.to_owned()), ..Default::default() }.encode_to_vec();
        let mut whole = bytes;
        // Of a field that comes twice the last counts.
        whole.append(&mut named);
        return File::decode_file_descriptor_proto(&whole[..]).map_err(|e| one_line(&e.to_string()));
    }
    if text::depth(source, b"{[(<", b"}])>") > PROTO_DEPTH_MAX {
        return Err(format!("it is nested deeper than {PROTO_DEPTH_MAX} levels"));
    }
    File::from_source(name, source).map_err(|e| one_line(&e.to_string()))
}

fn nesting(message: &DescriptorProto) -> usize {
    1 + message.nested_type.iter().map(nesting).max().unwrap_or(0)
}

/// What can be imported by name.
struct Files(Vec<File>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let found = self.0.iter().find(|file| file.name() == name);
        found.cloned().ok_or_else(|| protox::Error::file_not_found(name))
    }
}

#[cfg(test)]
mod tests;
