//! The durable catalogue: vhosts, users, exchanges, queues, bindings, policies.
