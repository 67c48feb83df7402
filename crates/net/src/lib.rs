//! Listeners, TLS, connection limits and drain. Knows no protocol.
//!
//! A *door* (a protocol) hands over a function; this crate binds its addresses, accepts, checks the limits, finishes
//! the TLS handshake within a deadline and calls the function with an [`Accepted`]. Nothing of ours lies below it.
//!
//! Start reading at [`Listener`]; [`Config`] is what an operator sets, [`Lifecycle`] is how everything ends.
//!
//! Invariants: a connection is counted until its door is done with it; a peer that has not logged in costs one
//! socket, one task and at most the TLS state, and is bounded per address; no connection outlives
//! [`Lifecycle::drain`]; a refused connection is logged with its reason, and a flood of them is summed up.

mod accept;
mod admission;
pub mod certificate;
pub mod config;
mod error;
mod lifecycle;
mod listener;
mod refusals;
mod stream;
mod tls;
mod tls_stream;

pub use accept::{Accepted, TLS_HANDSHAKE_DEADLINE};
pub use admission::{Admission, Admissions};
pub use certificate::Certificate;
pub use config::{Config, TlsConfig};
pub use error::{BindError, TlsError};
pub use lifecycle::{Drained, Lifecycle};
pub use listener::Listener;
pub use stream::{Stream, TlsSession};
pub use tls::TlsContext;
pub use tls_stream::TlsStream;
