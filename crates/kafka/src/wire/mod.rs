//! Kafka's protocol on the wire: bytes to borrowed requests, responses to bytes, and back. No I/O, no broker.
//!
//! ```text
//!  frame      size i32 | header | body                                            all integers big-endian
//!  request    header: api key i16 | version i16 | correlation id i32 | client id | tags       tags: flexible versions
//!  response   header: correlation id i32 | tags                                               (never for ApiVersions)
//! ```
//!
//! A client picks one version of each api for itself, from what `ApiVersions` offers. What a field is, in which
//! versions it exists and whether it may be null is said once, in the tables of [`messages`]; reading and writing are
//! made from them. From some version on an api is *flexible*: lengths are varints (`compact`), and every struct ends
//! with tagged fields, which one side may not know and skips.
//!
//! [`split_frame`] finds a frame in a buffer, [`RequestHeader::parse`] what it asks for, [`Request::decode`] the request.
//! Decoding allocates nothing: strings and records are slices of the frame, and an [`Array`] is read as it is walked
//! (decoding walks it once, so that what comes after is known to be well-formed). A [`Writer`] makes a response; record
//! batches go into it as [`bytes::Bytes`] and come out as pieces of their own for `writev`.
//!
//! Source: Kafka's protocol guide and message definitions, 4.2.

mod apis;
mod array;
pub mod errors;
mod frame;
mod message;
pub mod messages;
mod primitives;
mod records;
mod throttle;
mod writer;

pub use apis::{ApiKey, IntoResponse, Request, Response};
pub use array::Array;
pub use errors::{ErrorCode, WireError};
pub use frame::{FRAME_BYTES_MAX, RequestHeader, split_frame};
pub use message::{Field, Version};
pub use primitives::{Blob, Reader, Text, Uuid};
pub use records::Batches;
pub use writer::{Segments, Writer};

#[cfg(test)]
mod tests;
