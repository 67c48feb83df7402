use anymq_catalog::{Destination, RoutingKey};
use anymq_types::value::{Double, Float, Table};
use anymq_types::{QueueId, VhostId};
use proptest::prelude::*;

use super::*;
use crate::routing::Targets;

fn table(entries: &[(&str, Value)]) -> Table {
    entries.iter().cloned().collect()
}

fn binding(args: &[(&str, Value)]) -> Binding {
    Binding {
        vhost: VhostId(1),
        source: "x".into(),
        destination: Destination::Queue("q".into()),
        routing_key: RoutingKey::default(),
        args: Args::sorted(table(args)),
    }
}

fn routed(headers: &Headers, fields: &[(&str, Value)]) -> Vec<u64> {
    let mut bytes = Vec::new();
    table(fields).encode_content(&mut bytes).unwrap();
    let mut targets = Targets::new();
    headers.route(Some(TableRef::parse(&bytes).unwrap()), &mut Sink::new(&mut targets));
    targets.finish();
    targets.as_slice().iter().map(|id| id.0).collect()
}

fn matches(args: &[(&str, Value)], fields: &[(&str, Value)]) -> bool {
    let mut headers = Headers::default();
    headers.bind(&binding(args), Target::Queue(QueueId(1)));
    !routed(&headers, fields).is_empty()
}

#[test]
fn truth_table() {
    let v = |text: &str| Value::from(text);
    let void = Value::Void;
    let mode = |mode: &str| ("x-match", Value::from(mode));
    for (args, fields, expected) in [
        (vec![], vec![], true),
        (vec![mode("all")], vec![], true),
        (vec![mode("any")], vec![], false),
        (vec![mode("any")], vec![("a", v("1"))], false),
        (vec![("a", v("1"))], vec![("a", v("1")), ("b", v("2"))], true),
        (vec![("a", v("1"))], vec![("a", v("2"))], false),
        (vec![("a", v("1"))], vec![], false),
        (vec![mode("all"), ("a", v("1")), ("b", v("2"))], vec![("a", v("1"))], false),
        (vec![mode("any"), ("a", v("1")), ("b", v("2"))], vec![("b", v("2"))], true),
        (vec![mode("any"), ("a", v("1")), ("b", v("2"))], vec![("b", v("1"))], false),
        // Presence only.
        (vec![("a", void.clone())], vec![("a", v("anything"))], true),
        (vec![("a", void.clone())], vec![("a", void.clone())], true),
        (vec![("a", void.clone())], vec![("b", v("1"))], false),
        (vec![("a", v("1"))], vec![("a", void.clone())], false),
        // Names that begin with x-.
        (vec![mode("all"), ("x-a", v("1"))], vec![], true),
        (vec![mode("any"), ("x-a", v("1"))], vec![("x-a", v("1"))], false),
        (vec![mode("all-with-x"), ("x-a", v("1"))], vec![], false),
        (vec![mode("all-with-x"), ("x-a", v("1"))], vec![("x-a", v("1"))], true),
        (vec![mode("any-with-x"), ("x-a", v("1"))], vec![("x-a", v("1"))], true),
        (vec![mode("any-with-x"), ("x-a", v("1"))], vec![("x-match", v("any-with-x"))], false),
        // Values.
        (vec![("n", Value::I32(7))], vec![("n", Value::I64(7))], true),
        (vec![("n", Value::U8(7))], vec![("n", Value::I16(7))], true),
        (vec![("n", Value::I32(7))], vec![("n", v("7"))], false),
        (vec![("n", Value::I32(1))], vec![("n", Value::Bool(true))], false),
        (vec![("n", Value::I32(1))], vec![("n", Value::Double(Double::from(1.0)))], false),
        (vec![("n", Value::Float(Float::from(0.5)))], vec![("n", Value::Double(Double::from(0.5)))], true),
        (vec![("n", Value::Bool(true))], vec![("n", Value::Bool(true))], true),
        (vec![("n", v("x"))], vec![("n", Value::Bytes("x".into()))], true),
        (vec![("n", Value::Timestamp(5))], vec![("n", Value::Timestamp(5))], true),
        (vec![("n", Value::Array(vec![v("a")]))], vec![("n", Value::Array(vec![v("a")]))], true),
        (vec![("n", Value::Array(vec![v("a")]))], vec![("n", Value::Array(vec![]))], false),
        // A repeated name counts with its last value.
        (vec![("a", v("2"))], vec![("a", v("1")), ("a", v("2"))], true),
        (vec![("a", v("1"))], vec![("a", v("1")), ("a", v("2"))], false),
    ] {
        assert_eq!(matches(&args, &fields), expected, "{args:?} on {fields:?}");
    }
}

#[test]
fn no_headers_at_all_are_no_headers() {
    let mut headers = Headers::default();
    headers.bind(&binding(&[]), Target::Queue(QueueId(1)));
    headers.bind(&binding(&[("a", Value::Void)]), Target::Queue(QueueId(2)));
    let mut targets = Targets::new();
    headers.route(None, &mut Sink::new(&mut targets));
    assert_eq!(targets.as_slice(), [QueueId(1)]);
}

proptest! {
    /// Bindings come and go; what is left decides.
    #[test]
    fn unbinding_removes_that_binding_only(
        steps in proptest::collection::vec((0i32..6, 0u64..4, any::<bool>()), 0..60),
    ) {
        let mut headers = Headers::default();
        let mut model = std::collections::BTreeSet::new();
        for (n, id, add) in steps {
            let binding = binding(&[("n", Value::I32(n))]);
            if add && model.insert((n, id)) {
                headers.bind(&binding, Target::Queue(QueueId(id)));
            } else if !add && model.remove(&(n, id)) {
                headers.unbind(&binding, Target::Queue(QueueId(id)));
            }
        }
        for n in 0..6 {
            let expected: Vec<u64> = model.iter().filter(|(m, _)| *m == n).map(|(_, id)| *id).collect();
            prop_assert_eq!(routed(&headers, &[("n", Value::I32(n))]), expected);
        }
    }
}
