use anymq_broker::{Bind, Destination};

use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::exchange;

/// `exchange.bind`: messages of one exchange go to another too.
pub(crate) fn exchange_bind(cx: &mut Cx<'_>, bind: exchange::Bind<'_>) -> Result<()> {
    let done = cx.hall.bind(Bind {
        source: &clean(bind.source),
        destination: Destination::Exchange(&clean(bind.destination)),
        routing_key: bind.routing_key,
        args: &bind.arguments.to_table(),
    })?;
    cx.reply_when(done.commit, bind.nowait, &exchange::BindOk {});
    Ok(())
}
