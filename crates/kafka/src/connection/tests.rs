//! The door as a client sees it, over a pipe.

mod acls;
mod broker_configs;
mod client;
mod cluster;
mod configs;
mod groups;
mod opening;
mod quotas;
mod records;
mod renewal;
mod sasl;
mod shares;
mod topics;
mod transactions;
