use anymq_broker::{Bind, Destination};

use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::exchange;

/// `exchange.unbind`: undoes an `exchange.bind` with the same arguments.
pub(crate) fn exchange_unbind(cx: &mut Cx<'_>, unbind: exchange::Unbind<'_>) -> Result<()> {
    let done = cx.hall.unbind(Bind {
        source: &clean(unbind.source),
        destination: Destination::Exchange(&clean(unbind.destination)),
        routing_key: unbind.routing_key,
        args: &unbind.arguments.to_table(),
    })?;
    cx.reply_when(done.commit, unbind.nowait, &exchange::UnbindOk {});
    Ok(())
}
