use anymq_broker::DeclareExchange;

use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::exchange;

/// `exchange.declare`: creates an exchange, or checks that it is as declared.
pub(crate) fn exchange_declare(cx: &mut Cx<'_>, declare: exchange::Declare<'_>) -> Result<()> {
    let done = cx.hall.declare_exchange(DeclareExchange {
        name: &clean(declare.exchange),
        kind: declare.kind,
        passive: declare.passive,
        durable: declare.durable,
        auto_delete: declare.auto_delete,
        internal: declare.internal,
        args: &declare.arguments.to_table(),
    })?;
    cx.reply_when(done.commit, declare.nowait, &exchange::DeclareOk {});
    Ok(())
}
