//! Whether one JSON Schema accepts all that another accepts, by the rules that Confluent documents: an approximation that only says yes
//! where it is sure.
//!
//! A schema is a conjunction: its own keywords, each part of `allOf`, `anyOf` or `oneOf` as a sum, and `not`. The reader must be met
//! conjunct by conjunct by one of the writer's.

use serde_json::Value;

use super::aspects;
use super::{Document, Json, is_named};
use crate::language::{COMPARED_DEPTH_MAX, DIFFERENCES_MAX, Difference, Pairs, STEPS_MAX};

/// Deepest chain of names.
const NAMES_MAX: usize = 32;

/// A schema within a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) document: usize,
    pub(crate) value: &'a Value,
}

/// Finds what a name means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver<'a> {
    pub(crate) documents: &'a [Document],
}

impl<'a> Resolver<'a> {
    pub(crate) fn resolve(&self, node: Node<'a>, name: &str) -> Option<Node<'a>> {
        let (uri, fragment) = name.split_once('#').unwrap_or((name, ""));
        let is_own = uri.is_empty()
            || self.documents[node.document].value.get("$id").and_then(Value::as_str) == Some(uri);
        let document = match is_own {
            true => node.document,
            false => self.documents.iter().position(|d| !d.name.is_empty() && is_named(uri, &d.name))?,
        };
        let root = &self.documents[document].value;
        let value = match fragment {
            "" => root,
            pointer if pointer.starts_with('/') => root.pointer(&unescaped(pointer))?,
            anchor => anchored(root, anchor)?,
        };
        Some(Node { document, value })
    }

    /// What a schema is, if it is a name for another.
    pub(crate) fn named(&self, mut node: Node<'a>) -> Node<'a> {
        for _ in 0..NAMES_MAX {
            let Some(name) = node.value.get("$ref").and_then(Value::as_str) else { break };
            let Some(next) = self.resolve(node, name) else { break };
            node = next;
        }
        node
    }
}

/// A pointer in a URI, as a pointer.
fn unescaped(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The subschema that has this anchor.
fn anchored<'a>(value: &'a Value, anchor: &str) -> Option<&'a Value> {
    let is = |key: &str, text: &str| value.get(key).and_then(Value::as_str) == Some(text);
    if is("$anchor", anchor) || is("$dynamicAnchor", anchor) || is("$id", &format!("#{anchor}")) {
        return Some(value);
    }
    match value {
        Value::Object(map) => map.values().find_map(|value| anchored(value, anchor)),
        Value::Array(items) => items.iter().find_map(|value| anchored(value, anchor)),
        _ => None,
    }
}

/// Why `reader` does not accept all that `writer` does; empty if it does.
pub(crate) fn cannot_read(reader: &Json, writer: &Json) -> Vec<Difference> {
    let mut check = Check {
        of_reader: Resolver { documents: &reader.documents },
        of_writer: Resolver { documents: &writer.documents },
        path: "#".into(),
        pairs: Pairs::new(),
        found: Vec::new(),
        steps: 0,
        depth: 0,
    };
    let fits = check.fits(
        Node { document: 0, value: &reader.documents[0].value },
        Node { document: 0, value: &writer.documents[0].value },
    );
    if check.steps >= STEPS_MAX {
        check.found.clear();
        check.note("TOO_COMPLEX", format!("more than {STEPS_MAX} schemas have to be compared, or more than {COMPARED_DEPTH_MAX} within each other"));
    } else if !fits && check.found.is_empty() {
        check.note("TYPE_CHANGED", "the schemas do not fit".into());
    }
    check.found
}

/// A comparison under way.
pub(super) struct Check<'a> {
    pub(super) of_reader: Resolver<'a>,
    pub(super) of_writer: Resolver<'a>,
    path: String,
    pairs: Pairs<*const Value>,
    found: Vec<Difference>,
    steps: usize,
    depth: usize,
}

/// A part of a schema: all of them must hold.
#[derive(Clone)]
enum Conjunct<'a> {
    /// Its own keywords.
    Plain(Node<'a>),
    /// One of these.
    Sum(Vec<Node<'a>>),
    Not(Node<'a>),
}

impl<'a> Check<'a> {
    /// Notes what is wrong; always false.
    pub(super) fn note(&mut self, kind: &'static str, text: String) -> bool {
        if self.found.len() < DIFFERENCES_MAX {
            self.found.push(Difference { kind, path: self.path.clone(), text });
        }
        false
    }

    /// Whether the reader accepts what the writer does, a step further down.
    pub(super) fn below(&mut self, step: &str, reader: Node<'a>, writer: Node<'a>) -> bool {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        let fits = self.fits(reader, writer);
        self.path.truncate(length);
        fits
    }

    /// The same without telling what is wrong.
    pub(super) fn quietly(&mut self, reader: Node<'a>, writer: Node<'a>) -> bool {
        let told = self.found.len();
        let fits = self.fits(reader, writer);
        self.found.truncate(told);
        fits
    }

    fn fits(&mut self, reader: Node<'a>, writer: Node<'a>) -> bool {
        self.steps += 1;
        if self.depth > COMPARED_DEPTH_MAX {
            self.steps = STEPS_MAX;
        }
        if self.steps >= STEPS_MAX {
            return false;
        }
        let (reader, writer) = (self.of_reader.named(reader), self.of_writer.named(writer));
        if is_empty(reader.value) || *writer.value == Value::Bool(false) {
            return true;
        }
        let pair = (std::ptr::from_ref(reader.value), std::ptr::from_ref(writer.value));
        match self.pairs.begin(pair) {
            Err(true) => true,
            Err(false) => self.note("TYPE_CHANGED", "the schemas do not fit, as was found elsewhere".into()),
            Ok(begun) => {
                self.depth += 1;
                let fits = self.conjunctions(reader, writer);
                self.depth -= 1;
                self.pairs.end(pair, begun, fits);
                fits
            }
        }
    }

    fn conjunctions(&mut self, reader: Node<'a>, writer: Node<'a>) -> bool {
        if *reader.value == Value::Bool(false) {
            return self.note("TYPE_CHANGED", "nothing is accepted any more".into());
        }
        let mut read = Vec::new();
        conjuncts(self.of_reader, reader, 0, &mut read);
        let mut written = Vec::new();
        conjuncts(self.of_writer, writer, 0, &mut written);
        if written.is_empty() {
            written.push(Conjunct::Plain(writer));
        }
        let mut all = true;
        for conjunct in &read {
            all &= self.is_met(conjunct, &written);
        }
        all
    }

    /// Whether one of the writer's conjuncts is enough for one of the reader's. Of those that are not, the first is told of.
    fn is_met(&mut self, read: &Conjunct<'a>, written: &[Conjunct<'a>]) -> bool {
        let before = self.found.len();
        let mut first: Option<Vec<Difference>> = None;
        for conjunct in written {
            if self.meets(read, conjunct) {
                self.found.truncate(before);
                return true;
            }
            let told = self.found.split_off(before);
            first.get_or_insert(told);
        }
        self.found.extend(first.unwrap_or_default());
        if self.found.len() == before {
            let kind = match read {
                Conjunct::Plain(_) => "PRODUCT_TYPE_EXTENDED",
                Conjunct::Sum(_) => "SUM_TYPE_NARROWED",
                Conjunct::Not(_) => "NOT_TYPE_EXTENDED",
            };
            self.note(kind, "a part of the reader is not met by any of the writer".into());
        }
        false
    }

    fn meets(&mut self, read: &Conjunct<'a>, written: &Conjunct<'a>) -> bool {
        match (read, written) {
            (Conjunct::Plain(reader), Conjunct::Sum(branches)) => {
                // Every branch is compared: each may be wrong in its own way.
                let mut all = true;
                for &branch in branches {
                    all &= self.fits(*reader, branch);
                }
                all
            }
            (Conjunct::Sum(readers), Conjunct::Sum(branches)) => {
                branches.iter().all(|&branch| readers.iter().any(|&reader| self.quietly(reader, branch)))
            }
            (Conjunct::Sum(readers), Conjunct::Plain(writer)) => {
                readers.iter().any(|&reader| self.quietly(reader, *writer))
            }
            (Conjunct::Plain(reader), Conjunct::Plain(writer)) => aspects::fit(self, *reader, *writer),
            // What the reader refuses must be refused by the writer: the other way round.
            (Conjunct::Not(reader), Conjunct::Not(writer)) => {
                std::mem::swap(&mut self.of_reader, &mut self.of_writer);
                let pairs = std::mem::replace(&mut self.pairs, Pairs::new());
                let fits = self.quietly(*writer, *reader);
                self.pairs = pairs;
                std::mem::swap(&mut self.of_reader, &mut self.of_writer);
                fits
            }
            (Conjunct::Not(_), _) | (_, Conjunct::Not(_)) => false,
        }
    }
}

/// Takes a schema apart.
fn conjuncts<'a>(resolver: Resolver<'a>, node: Node<'a>, depth: usize, out: &mut Vec<Conjunct<'a>>) {
    let node = resolver.named(node);
    let Value::Object(map) = node.value else {
        if !is_empty(node.value) {
            out.push(Conjunct::Plain(node));
        }
        return;
    };
    if map.keys().any(|key| aspects::CONSTRAINTS.contains(&key.as_str())) {
        out.push(Conjunct::Plain(node));
    }
    for (key, value) in map {
        match (key.as_str(), value) {
            ("allOf", Value::Array(parts)) if depth < NAMES_MAX => {
                parts.iter().for_each(|value| conjuncts(resolver, Node { value, ..node }, depth + 1, out));
            }
            ("anyOf" | "oneOf", Value::Array(parts)) => match &parts[..] {
                [value] if depth < NAMES_MAX => conjuncts(resolver, Node { value, ..node }, depth + 1, out),
                parts => out.push(Conjunct::Sum(parts.iter().map(|value| Node { value, ..node }).collect())),
            },
            ("not", value) => out.push(Conjunct::Not(Node { value, ..node })),
            _ => {}
        }
    }
}

/// Whether it accepts everything.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Bool(all) => *all,
        Value::Object(map) => !map.keys().any(|key| {
            let key = key.as_str();
            aspects::CONSTRAINTS.contains(&key) || ["allOf", "anyOf", "oneOf", "not", "$ref"].contains(&key)
        }),
        _ => false,
    }
}
