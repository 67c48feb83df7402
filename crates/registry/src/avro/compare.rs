//! Whether one Avro schema can read what another wrote: the rules of "Schema Resolution" in the specification of Avro 1.12.
//!
//! Names are compared without their namespaces, as the specification says, or by an alias of the reader.

use super::{Avro, Field, Named, Node, NodeId};
use crate::language::{COMPARED_DEPTH_MAX, DIFFERENCES_MAX, Difference, Pairs, STEPS_MAX};

/// Why `reader` cannot read what `writer` wrote; empty if it can.
pub(crate) fn cannot_read(reader: &Avro, writer: &Avro) -> Vec<Difference> {
    let mut check = Check {
        reader,
        writer,
        path: String::new(),
        pairs: Pairs::new(),
        found: Vec::new(),
        steps: 0,
        depth: 0,
    };
    check.pair(reader.root, writer.root);
    if check.steps >= STEPS_MAX {
        check.found.clear();
        check.note("TOO_COMPLEX", format!("more than {STEPS_MAX} types have to be compared, or more than {COMPARED_DEPTH_MAX} within each other"));
    }
    check.found
}

struct Check<'a> {
    reader: &'a Avro,
    writer: &'a Avro,
    path: String,
    pairs: Pairs<NodeId>,
    found: Vec<Difference>,
    steps: usize,
    depth: usize,
}

impl Check<'_> {
    fn note(&mut self, kind: &'static str, text: String) {
        if self.found.len() < DIFFERENCES_MAX {
            let path = if self.path.is_empty() { "/".to_owned() } else { self.path.clone() };
            self.found.push(Difference { kind, path, text });
        }
    }

    /// Compares one step further down.
    fn below(&mut self, step: &str, reader: NodeId, writer: NodeId) -> bool {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        let fits = self.pair(reader, writer);
        self.path.truncate(length);
        fits
    }

    fn pair(&mut self, reader: NodeId, writer: NodeId) -> bool {
        self.steps += 1;
        if self.depth > COMPARED_DEPTH_MAX {
            self.steps = STEPS_MAX;
        }
        if self.steps >= STEPS_MAX {
            return false;
        }
        let pair = (reader, writer);
        match self.pairs.begin(pair) {
            Err(fits) => {
                if !fits {
                    self.note("TYPE_MISMATCH", "the types do not fit, as was found elsewhere".into());
                }
                fits
            }
            Ok(begun) => {
                self.depth += 1;
                let fits = self.types(reader, writer);
                self.depth -= 1;
                self.pairs.end(pair, begun, fits);
                fits
            }
        }
    }

    /// The same without telling what is wrong.
    fn quietly(&mut self, reader: NodeId, writer: NodeId) -> bool {
        let told = self.found.len();
        let fits = self.pair(reader, writer);
        self.found.truncate(told);
        fits
    }

    fn types(&mut self, r: NodeId, w: NodeId) -> bool {
        let (reader, writer) = (self.reader, self.writer);
        match (reader.node(r), writer.node(w)) {
            (_, Node::Union(written)) => {
                // Whichever of them was written must be read.
                let each = written.iter().enumerate();
                each.fold(true, |fits, (index, &w)| self.below(&index.to_string(), r, w) && fits)
            }
            (Node::Union(read), _) => {
                let fits = read.iter().any(|&r| self.quietly(r, w));
                if !fits {
                    let kind = name_of(writer.node(w));
                    self.note(
                        "MISSING_UNION_BRANCH",
                        format!("the reader union lacks the writer type {kind}"),
                    );
                }
                fits
            }
            (Node::Array(r), Node::Array(w)) => self.below("items", *r, *w),
            (Node::Map(r), Node::Map(w)) => self.below("values", *r, *w),
            (Node::Record(r, read), Node::Record(w, written)) => {
                let named = self.names(r, w);
                self.fields(read, written) && named
            }
            (
                Node::Enum { named: r, symbols: read, default },
                Node::Enum { named: w, symbols: written, .. },
            ) => {
                let named = self.names(r, w);
                let missing: Vec<&str> =
                    written.iter().filter(|s| !read.contains(s)).map(String::as_str).collect();
                if !missing.is_empty() && !default {
                    let text = format!("the reader enum lacks the symbols {}", missing.join(", "));
                    self.note("MISSING_ENUM_SYMBOLS", text);
                    return false;
                }
                named
            }
            (Node::Fixed { named: r, size: read }, Node::Fixed { named: w, size: written }) => {
                let named = self.names(r, w);
                if read != written {
                    self.note("FIXED_SIZE_MISMATCH", format!("expected: {written}, found: {read}"));
                }
                named && read == written
            }
            (reader, writer) if promotes(reader, writer) => true,
            (reader, writer) => {
                let text = format!(
                    "reader type {} is not compatible with writer type {}",
                    name_of(reader),
                    name_of(writer)
                );
                self.note("TYPE_MISMATCH", text);
                false
            }
        }
    }

    fn names(&mut self, reader: &Named, writer: &Named) -> bool {
        let by_alias = |alias: &String| *alias == writer.full || alias == writer.short();
        let fits = reader.short() == writer.short() || reader.aliases.iter().any(by_alias);
        if !fits {
            self.note("NAME_MISMATCH", format!("expected: {}, found: {}", writer.full, reader.full));
        }
        fits
    }

    fn fields(&mut self, read: &[Field], written: &[Field]) -> bool {
        let mut all = true;
        for field in read {
            let named = |name: &String| written.iter().find(|w| w.name == *name);
            match named(&field.name).or_else(|| field.aliases.iter().find_map(named)) {
                Some(of_writer) => {
                    let step = format!("fields/{}", field.name);
                    all &= self.below(&step, field.node, of_writer.node);
                }
                None if field.has_default => {}
                None => {
                    let text = format!(
                        "the field {} of the reader has no default value and is missing in the writer",
                        field.name
                    );
                    self.note("READER_FIELD_MISSING_DEFAULT_VALUE", text);
                    all = false;
                }
            }
        }
        all
    }
}

/// Same primitive types, and those that a writer's is promoted to.
fn promotes(reader: &Node, writer: &Node) -> bool {
    use Node::{Boolean, Bytes, Double, Float, Int, Long, Null, Text};
    matches!(
        (reader, writer),
        (Null, Null)
            | (Boolean, Boolean)
            | (Int, Int)
            | (Long, Int | Long)
            | (Float, Int | Long | Float)
            | (Double, Int | Long | Float | Double)
            | (Bytes | Text, Bytes | Text)
    )
}

fn name_of(node: &Node) -> &'static str {
    match node {
        Node::Null => "NULL",
        Node::Boolean => "BOOLEAN",
        Node::Int => "INT",
        Node::Long => "LONG",
        Node::Float => "FLOAT",
        Node::Double => "DOUBLE",
        Node::Bytes => "BYTES",
        Node::Text => "STRING",
        Node::Array(_) => "ARRAY",
        Node::Map(_) => "MAP",
        Node::Union(_) => "UNION",
        Node::Record(..) => "RECORD",
        Node::Enum { .. } => "ENUM",
        Node::Fixed { .. } => "FIXED",
    }
}
