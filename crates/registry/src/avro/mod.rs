//! Avro: schemas as `apache-avro` parses them, laid out flat so that references are indexes.
//!
//! Logical types are their underlying types here: resolution (Avro 1.12, "Schema Resolution") looks at nothing else.

pub(crate) mod compare;
pub(crate) mod payload;

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Alias, InnerDecimalSchema, Name, UuidSchema};

use crate::language::Referenced;
use crate::text;

/// A schema's place in [`Avro::nodes`].
pub(crate) type NodeId = usize;

/// A type.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Record(Named, Vec<Field>),
    Enum { named: Named, symbols: Vec<String>, default: bool },
    Fixed { named: Named, size: usize },
}

/// What a named type is called.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Named {
    /// With its namespace.
    pub(crate) full: String,
    /// Other names, with their namespaces.
    pub(crate) aliases: Vec<String>,
}

impl Named {
    /// Without its namespace.
    pub(crate) fn short(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or(&self.full)
    }
}

/// A field of a record.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) has_default: bool,
    pub(crate) node: NodeId,
}

/// A schema and everything it names.
#[derive(Debug)]
pub(crate) struct Avro {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
}

impl Avro {
    /// Parses a schema; its canonical text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(
        source: &str,
        references: &[Referenced],
        normalize: bool,
    ) -> Result<(Avro, String), String> {
        let value = text::parse_json(source)?;
        for reference in references {
            text::parse_json(&reference.text)?;
        }
        let (main, others) = Schema::parse_str_with_list(source, references.iter().map(|r| &*r.text))
            .map_err(|e| e.to_string())?;
        let mut flat = Flat::default();
        // First what is referred to: names are then known.
        for schema in &others {
            flat.add(schema, None)?;
        }
        let root = flat.add(&main, None)?;
        let nodes = flat.finish()?;
        let text = if normalize { text::sorted(&value) } else { text::compact(source) };
        Ok((Avro { nodes, root }, text))
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The full name of its record, enumeration or fixed type.
    pub(crate) fn name(&self) -> Option<&str> {
        match self.node(self.root) {
            Node::Record(named, _) | Node::Enum { named, .. } | Node::Fixed { named, .. } => {
                Some(&named.full)
            }
            _ => None,
        }
    }
}

/// Nodes while they are laid out: a name may be used before its type is.
#[derive(Default)]
struct Flat {
    nodes: Vec<Option<Node>>,
    names: HashMap<String, NodeId>,
}

type Outer<'a> = Option<&'a str>;

impl Flat {
    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(Some(node));
        self.nodes.len() - 1
    }

    /// The place of a named type, which may not be filled yet.
    fn named(&mut self, name: &Name, outer: Outer<'_>) -> (NodeId, String) {
        let full = name.fullname(outer);
        let next = self.nodes.len();
        let id = *self.names.entry(full.clone()).or_insert(next);
        if id == next {
            self.nodes.push(None);
        }
        (id, full)
    }

    fn add(&mut self, schema: &Schema, outer: Outer<'_>) -> Result<NodeId, String> {
        let plain = match schema {
            Schema::Null => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int | Schema::Date | Schema::TimeMillis => Node::Int,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Node::Long,
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Node::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Node::Text,
            Schema::Array(array) => Node::Array(self.add(&array.items, outer)?),
            Schema::Map(map) => Node::Map(self.add(&map.types, outer)?),
            Schema::Union(union) => {
                let variants = union.variants().iter().map(|variant| self.add(variant, outer));
                Node::Union(variants.collect::<Result<_, _>>()?)
            }
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Node::Bytes,
                InnerDecimalSchema::Fixed(fixed) => {
                    return Ok(self.fixed(&fixed.name, &fixed.aliases, fixed.size, outer));
                }
            },
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                return Ok(self.fixed(&fixed.name, &fixed.aliases, fixed.size, outer));
            }
            Schema::Enum(e) => {
                let (id, full) = self.named(&e.name, outer);
                let named = Named { aliases: aliases(&e.aliases, &full), full };
                let (symbols, default) = (e.symbols.clone(), e.default.is_some());
                self.nodes[id] = Some(Node::Enum { named, symbols, default });
                return Ok(id);
            }
            Schema::Ref { name } => return Ok(self.named(name, outer).0),
            Schema::Record(record) => {
                let (id, full) = self.named(&record.name, outer);
                let namespace = namespace_of(&full).map(str::to_owned);
                let mut fields = Vec::with_capacity(record.fields.len());
                for field in &record.fields {
                    fields.push(Field {
                        name: field.name.clone(),
                        aliases: field.aliases.clone(),
                        has_default: field.default.is_some(),
                        node: self.add(&field.schema, namespace.as_deref())?,
                    });
                }
                let named = Named { aliases: aliases(&record.aliases, &full), full };
                self.nodes[id] = Some(Node::Record(named, fields));
                return Ok(id);
            }
        };
        Ok(self.push(plain))
    }

    fn fixed(&mut self, name: &Name, others: &Option<Vec<Alias>>, size: usize, outer: Outer<'_>) -> NodeId {
        let (id, full) = self.named(name, outer);
        let named = Named { aliases: aliases(others, &full), full };
        self.nodes[id] = Some(Node::Fixed { named, size });
        id
    }

    /// All nodes, if every name that is used is defined.
    fn finish(self) -> Result<Vec<Node>, String> {
        let undefined = self.names.iter().find(|(_, id)| self.nodes[**id].is_none());
        if let Some((name, _)) = undefined {
            return Err(format!("Undefined name: {name}"));
        }
        Ok(self.nodes.into_iter().flatten().collect())
    }
}

fn namespace_of(full: &str) -> Option<&str> {
    full.rsplit_once('.').map(|(namespace, _)| namespace)
}

fn aliases(aliases: &Option<Vec<Alias>>, full: &str) -> Vec<String> {
    aliases.iter().flatten().map(|alias| alias.fullname(namespace_of(full))).collect()
}

#[cfg(test)]
mod tests;
