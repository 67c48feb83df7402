//! Wire to record and back: the mapping of properties and headers lives here and nowhere else.

mod deliver;
mod publish;

pub(crate) use deliver::{encode_deliveries, encode_fetched, encode_return};
pub(crate) use publish::{Envelope, Head, Publisher, encode_head};

/// The name a client consumes from, and puts into `reply-to`, to get replies without a queue.
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

#[cfg(test)]
mod tests;
