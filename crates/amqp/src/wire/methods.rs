//! Every method of AMQP 0-9-1 with RabbitMQ's extensions, a file per class.
//!
//! Field names and order are the specification's. `ticket` and fields named `reserved_*` are unused: 0 or empty.

use super::args::{Arg, read_bits, write_bits};
use super::frame::{MethodRef, encode_method};
use super::{CLASS_BASIC, WireError};

/// A method that can be written.
pub trait Encode {
    /// Appends the method as a whole frame.
    ///
    /// # Panics
    /// If a short string is beyond 255 bytes: who names things checks their length first.
    fn encode(&self, channel: u16, out: &mut Vec<u8>);
}

/// Defines the structs of one class: `id "dotted.name" Struct<'a> { fields } [bits] { fields after the bits };`
///
/// Consecutive bits share octets (section 4.2.5.2); no method has more than one run of them, nor more than eight.
macro_rules! methods {
    ($class:literal: $(
        $(#[$doc:meta])*
        $id:literal $name:literal $Method:ident $(<$lt:lifetime>)?
        { $($(#[$before_doc:meta])* $before:ident: $BeforeType:ty),* }
        [$($(#[$bit_doc:meta])* $bit:ident),*]
        { $($(#[$after_doc:meta])* $after:ident: $AfterType:ty),* };
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $Method $(<$lt>)? {
            $($(#[$before_doc])* pub $before: $BeforeType,)*
            $($(#[$bit_doc])* pub $bit: bool,)*
            $($(#[$after_doc])* pub $after: $AfterType,)*
        }

        impl $(<$lt>)? $Method $(<$lt>)? {
            /// Class id.
            pub const CLASS_ID: u16 = $class;
            /// Method id.
            pub const METHOD_ID: u16 = $id;
            /// `class id << 16 | method id`.
            pub const KEY: u32 = ($class << 16) | $id;
            /// The name in the specification.
            pub const NAME: &'static str = $name;

            /// Reads the arguments of this method.
            ///
            /// # Errors
            /// Cut short, trailing bytes, a short string that is not UTF-8, a bad table.
            #[inline]
            pub fn decode(args: &$($lt)? [u8]) -> Result<Self, WireError> {
                let mut rest = args;
                let method = Self::read(&mut rest).map_err(|error| error.of($class, $id))?;
                if rest.is_empty() {
                    Ok(method)
                } else {
                    Err(WireError::BadArguments { class_id: $class, method_id: $id })
                }
            }

            #[inline]
            fn read(rest: &mut &$($lt)? [u8]) -> Result<Self, crate::wire::args::ArgError> {
                $(let $before = <$BeforeType>::read(rest)?;)*
                let [$($bit),*] = read_bits(rest)?;
                $(let $after = <$AfterType>::read(rest)?;)*
                Ok($Method { $($before,)* $($bit,)* $($after,)* })
            }

            /// The method with values drawn from `pool`; unused fields stay empty.
            #[cfg(test)]
            pub(super) fn sample(pool: &$($lt)? crate::wire::tests::Pool) -> Self {
                let _ = pool;
                $Method {
                    $($before: pool.sample(stringify!($before)),)*
                    $($bit: pool.sample(stringify!($bit)),)*
                    $($after: pool.sample(stringify!($after)),)*
                }
            }
        }

        impl $(<$lt>)? Encode for $Method $(<$lt>)? {
            fn encode(&self, channel: u16, out: &mut Vec<u8>) {
                encode_method(channel, $class, $id, out, |out| {
                    $(self.$before.write(out);)*
                    write_bits([$(self.$bit),*], out);
                    $(self.$after.write(out);)*
                });
            }
        }
    )*};
}

pub mod access;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod exchange;
pub mod queue;
pub mod tx;

/// Defines [`Method`] over the structs of all classes.
macro_rules! method_enum {
    ($($Variant:ident($class:ident::$Method:ident $(<$lt:lifetime>)?),)*) => {
        /// Any method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method<'a> {
            $(#[doc = concat!("`", stringify!($class), "`")] $Variant($class::$Method $(<$lt>)?),)*
        }

        impl<'a> Method<'a> {
            pub(super) fn decode(method: &MethodRef<'a>) -> Result<Self, WireError> {
                match method.key() {
                    $($class::$Method::KEY => $class::$Method::decode(method.args).map(Method::$Variant),)*
                    _ => Err(WireError::UnknownMethod { class_id: method.class_id, method_id: method.method_id }),
                }
            }

            /// One of each method, with values drawn from `pool`.
            #[cfg(test)]
            pub(super) fn samples(pool: &'a crate::wire::tests::Pool) -> Vec<Method<'a>> {
                vec![$(Method::$Variant($class::$Method::sample(pool)),)*]
            }

            /// `class id << 16 | method id`.
            pub fn key(&self) -> u32 {
                match self {
                    $(Method::$Variant(_) => $class::$Method::KEY,)*
                }
            }

            /// The name in the specification.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Method::$Variant(_) => $class::$Method::NAME,)*
                }
            }
        }

        impl Encode for Method<'_> {
            fn encode(&self, channel: u16, out: &mut Vec<u8>) {
                match self {
                    $(Method::$Variant(method) => method.encode(channel, out),)*
                }
            }
        }

        /// Key and name of every method.
        pub const ALL: &[(u32, &str)] = &[$(($class::$Method::KEY, $class::$Method::NAME),)*];
    };
}

method_enum! {
    ConnectionStart(connection::Start<'a>),
    ConnectionStartOk(connection::StartOk<'a>),
    ConnectionSecure(connection::Secure<'a>),
    ConnectionSecureOk(connection::SecureOk<'a>),
    ConnectionTune(connection::Tune),
    ConnectionTuneOk(connection::TuneOk),
    ConnectionOpen(connection::Open<'a>),
    ConnectionOpenOk(connection::OpenOk<'a>),
    ConnectionClose(connection::Close<'a>),
    ConnectionCloseOk(connection::CloseOk),
    ConnectionBlocked(connection::Blocked<'a>),
    ConnectionUnblocked(connection::Unblocked),
    ConnectionUpdateSecret(connection::UpdateSecret<'a>),
    ConnectionUpdateSecretOk(connection::UpdateSecretOk),
    ChannelOpen(channel::Open<'a>),
    ChannelOpenOk(channel::OpenOk<'a>),
    ChannelFlow(channel::Flow),
    ChannelFlowOk(channel::FlowOk),
    ChannelClose(channel::Close<'a>),
    ChannelCloseOk(channel::CloseOk),
    AccessRequest(access::Request<'a>),
    AccessRequestOk(access::RequestOk),
    ExchangeDeclare(exchange::Declare<'a>),
    ExchangeDeclareOk(exchange::DeclareOk),
    ExchangeDelete(exchange::Delete<'a>),
    ExchangeDeleteOk(exchange::DeleteOk),
    ExchangeBind(exchange::Bind<'a>),
    ExchangeBindOk(exchange::BindOk),
    ExchangeUnbind(exchange::Unbind<'a>),
    ExchangeUnbindOk(exchange::UnbindOk),
    QueueDeclare(queue::Declare<'a>),
    QueueDeclareOk(queue::DeclareOk<'a>),
    QueueBind(queue::Bind<'a>),
    QueueBindOk(queue::BindOk),
    QueuePurge(queue::Purge<'a>),
    QueuePurgeOk(queue::PurgeOk),
    QueueDelete(queue::Delete<'a>),
    QueueDeleteOk(queue::DeleteOk),
    QueueUnbind(queue::Unbind<'a>),
    QueueUnbindOk(queue::UnbindOk),
    BasicQos(basic::Qos),
    BasicQosOk(basic::QosOk),
    BasicConsume(basic::Consume<'a>),
    BasicConsumeOk(basic::ConsumeOk<'a>),
    BasicCancel(basic::Cancel<'a>),
    BasicCancelOk(basic::CancelOk<'a>),
    BasicPublish(basic::Publish<'a>),
    BasicReturn(basic::Return<'a>),
    BasicDeliver(basic::Deliver<'a>),
    BasicGet(basic::Get<'a>),
    BasicGetOk(basic::GetOk<'a>),
    BasicGetEmpty(basic::GetEmpty<'a>),
    BasicAck(basic::Ack),
    BasicReject(basic::Reject),
    BasicRecoverAsync(basic::RecoverAsync),
    BasicRecover(basic::Recover),
    BasicRecoverOk(basic::RecoverOk),
    BasicNack(basic::Nack),
    TxSelect(tx::Select),
    TxSelectOk(tx::SelectOk),
    TxCommit(tx::Commit),
    TxCommitOk(tx::CommitOk),
    TxRollback(tx::Rollback),
    TxRollbackOk(tx::RollbackOk),
    ConfirmSelect(confirm::Select),
    ConfirmSelectOk(confirm::SelectOk),
}

impl Method<'_> {
    /// Whether a content header and a body follow.
    pub fn has_content(&self) -> bool {
        matches!(
            self,
            Method::BasicPublish(_)
                | Method::BasicReturn(_)
                | Method::BasicDeliver(_)
                | Method::BasicGetOk(_)
        )
    }

    /// Class of the content that follows, if any.
    pub fn content_class(&self) -> Option<u16> {
        self.has_content().then_some(CLASS_BASIC)
    }
}
