//! `headers`: bindings whose arguments match the headers of the message.
//!
//! `x-match` says how: `all` (also if absent) and `any` leave out arguments that begin with `x-`; `all-with-x` and
//! `any-with-x` do not. An argument without a value (void) asks for the header's presence. Integers match by value,
//! whatever their width. A binding without conditions matches every message (`all`) or none (`any`).

use anymq_catalog::{Args, Binding};
use anymq_types::value::{TableRef, Value, ValueRef};
use smallvec::SmallVec;

use super::FastMap;
use super::targets::{Sink, Target, TargetSet};

/// Bindings with the same arguments are looked at once; the cost of a message is linear in different arguments.
#[derive(Debug, Default)]
pub(super) struct Headers {
    matchers: Vec<Matcher>,
    places: FastMap<Args, usize>,
}

#[derive(Debug)]
struct Matcher {
    args: Args,
    any: bool,
    with_x: bool,
    targets: TargetSet,
}

type Fields<'a> = SmallVec<[(&'a [u8], ValueRef<'a>); 16]>;

impl Headers {
    pub(super) fn bind(&mut self, binding: &Binding, target: Target) {
        let place = *self.places.entry(binding.args.clone()).or_insert_with(|| {
            self.matchers.push(Matcher::new(binding.args.clone()));
            self.matchers.len() - 1
        });
        self.matchers[place].targets.add(target);
    }

    pub(super) fn unbind(&mut self, binding: &Binding, target: Target) {
        let Some(&place) = self.places.get(&binding.args) else { return };
        self.matchers[place].targets.remove(target);
        if self.matchers[place].targets.is_empty() {
            self.places.remove(&binding.args);
            self.matchers.swap_remove(place);
            if let Some(moved) = self.matchers.get(place) {
                self.places.insert(moved.args.clone(), place);
            }
        }
    }

    pub(super) fn route(&self, headers: Option<TableRef<'_>>, sink: &mut Sink<'_>) {
        let fields: Fields<'_> = headers.iter().flat_map(|table| table.iter()).collect();
        for matcher in self.matchers.iter().filter(|matcher| matcher.matches(&fields)) {
            sink.extend(&matcher.targets);
        }
    }
}

impl Matcher {
    fn new(args: Args) -> Self {
        let mode = args.get("x-match").and_then(Value::as_str).unwrap_or("all");
        let any = mode.starts_with("any");
        let with_x = mode.ends_with("-with-x");
        Matcher { args, any, with_x, targets: TargetSet::default() }
    }

    fn matches(&self, fields: &Fields<'_>) -> bool {
        let counts = |name: &[u8]| if self.with_x { name != b"x-match" } else { !name.starts_with(b"x-") };
        let mut conditions = self.args.table().iter().filter(|(name, _)| counts(name));
        let holds = |(name, wanted): (&[u8], &Value)| {
            // Of a name that repeats, the last one counts.
            let field = fields.iter().rev().find(|(field, _)| *field == name);
            field.is_some_and(|(_, value)| *wanted == Value::Void || equal(wanted, *value))
        };
        if self.any { conditions.any(holds) } else { conditions.all(holds) }
    }
}

fn equal(wanted: &Value, value: ValueRef<'_>) -> bool {
    if let (Some(a), Some(b)) = (wanted.as_int(), value.as_int()) {
        return a == b;
    }
    match (wanted, value) {
        (Value::Str(a) | Value::Bytes(a), ValueRef::Str(b) | ValueRef::Bytes(b)) => a.as_bytes() == b,
        (Value::Bool(a), ValueRef::Bool(b)) => *a == b,
        (Value::Timestamp(a), ValueRef::Timestamp(b)) => *a == b,
        (Value::Table(_) | Value::Array(_) | Value::Decimal(_), _) => *wanted == value.to_value(),
        _ => match (float(wanted), float_ref(value)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(n) => Some(n.get().into()),
        Value::Double(n) => Some(n.get()),
        _ => None,
    }
}

fn float_ref(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Float(n) => Some(n.get().into()),
        ValueRef::Double(n) => Some(n.get()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
