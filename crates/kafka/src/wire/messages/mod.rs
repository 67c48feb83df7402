//! The messages of the protocol: what each is made of, as tables.
//!
//! A line is `name: Type [versions]`, then what is special about the field (see the macro in `wire::message`). Names are
//! those of the protocol guide in snake case; where the guide uses one name for different structs, ours say which one.
//! Strings and bytes of requests are slices of the frame, those of responses can also be the answerer's own.

pub mod acls;
pub mod api_versions;
pub mod classic_groups;
pub mod cluster;
pub mod committed;
pub mod configs;
pub mod consumer_groups;
pub mod fetch;
pub mod group_admin;
pub mod metadata;
pub mod offsets;
pub mod produce;
pub mod quotas;
pub mod replicas;
pub mod sasl;
pub mod share_fetch;
pub mod share_groups;
pub mod streams_groups;
pub mod tokens;
pub mod topics;
pub mod transaction_admin;
pub mod transactions;
