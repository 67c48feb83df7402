use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::access;

/// `access.request`: tickets of AMQP 0-8. All clients get the same one; nobody looks at it.
pub(crate) fn access_request(cx: &mut Cx<'_>, _: access::Request<'_>) -> Result<()> {
    cx.reply(&access::RequestOk { ticket: 1 });
    Ok(())
}
