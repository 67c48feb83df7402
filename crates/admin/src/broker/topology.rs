//! Exchanges, queues, bindings and policies: changed.

use anymq_api::{Arguments, Binding, Declare, Policy, Problem, codes};
use anymq_broker::{Bind, DeclareExchange, DeclareQueue, Destination};
use anymq_catalog::{ApplyTo, Change, definitions};
use anymq_types::value::Table;
use serde_json::Value;

use super::{BrokerHall, check_name, vhost_id};
use crate::access::Operator;
use crate::hall::Result;

impl BrokerHall {
    pub(super) fn declare_exchange(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        declare: &Declare,
    ) -> Result<()> {
        check_name("exchange", name)?;
        let args = table(&declare.arguments);
        let session = self.session(operator, vhost)?;
        self.settled(session.declare_exchange(DeclareExchange {
            name,
            kind: declare.kind.as_deref().unwrap_or("direct"),
            passive: false,
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            args: &args,
        }))
    }

    pub(super) fn declare_queue(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        declare: &Declare,
    ) -> Result<()> {
        check_name("queue", name)?;
        let args = table(&declare.arguments);
        let session = self.session(operator, vhost)?;
        let declared = session.declare_queue(DeclareQueue {
            name,
            passive: false,
            durable: declare.durable,
            exclusive: false,
            auto_delete: declare.auto_delete,
            args: &args,
        });
        self.settled(declared).map(drop)
    }

    pub(super) fn bind(&self, operator: &Operator, binding: &Binding) -> Result<()> {
        let args = table(&binding.arguments);
        let session = self.session(operator, &binding.vhost)?;
        self.settled(session.bind(ends(binding, &args)?))
    }

    pub(super) fn unbind(&self, operator: &Operator, binding: &Binding) -> Result<()> {
        let args = table(&binding.arguments);
        let session = self.session(operator, &binding.vhost)?;
        self.settled(session.unbind(ends(binding, &args)?))
    }

    pub(super) fn make_policy(&self, put: Policy) -> Result<()> {
        check_name("policy", &put.name)?;
        let vhost = self.broker.catalog(|c| vhost_id(c, &put.vhost))?;
        let invalid = |what: String| Problem::new(&codes::ARGUMENT_INVALID, what);
        let apply_to = if put.apply_to.is_empty() { "all" } else { &put.apply_to };
        let apply_to = ApplyTo::parse(apply_to).ok_or_else(|| {
            invalid(format!("{:?} is nothing a policy applies to", put.apply_to))
                .fix("use queues, classic_queues, quorum_queues, streams, exchanges or all")
        })?;
        let priority = i32::try_from(put.priority)
            .map_err(|_| invalid(format!("priority {} is out of range", put.priority)))?;
        self.change(Change::PolicyPut(anymq_catalog::Policy {
            vhost,
            name: put.name.as_str().into(),
            pattern: put.pattern,
            apply_to,
            priority,
            definition: put.definition.into_iter().collect(),
            operator: put.operator,
        }))
    }
}

/// JSON nests at most 128 deep when parsed; the broker's own bound on tables is checked where they are encoded.
fn table(arguments: &Arguments) -> Table {
    definitions::to_table(&Value::Object(arguments.clone())).unwrap_or_default()
}

fn ends<'a>(binding: &'a Binding, args: &'a Table) -> Result<Bind<'a>> {
    let destination = match binding.destination_kind.as_str() {
        "queue" => Destination::Queue(&binding.destination),
        "exchange" => Destination::Exchange(&binding.destination),
        other => {
            let what = format!("{other:?} is neither queue nor exchange");
            return Err(Problem::new(&codes::ARGUMENT_INVALID, what));
        }
    };
    Ok(Bind { source: &binding.source, destination, routing_key: &binding.routing_key, args })
}
