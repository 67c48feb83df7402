//! `DeleteShareGroupOffsets`: a share group without members forgets topics.

use anymq_broker::GroupFault;

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::topics::uuid;
use crate::wire::ErrorCode;
use crate::wire::messages::share_groups::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, DeleteShareGroupOffsetsResponseTopic,
};

pub(super) fn delete_share_group_offsets(
    cx: &mut Cx<'_>,
    request: DeleteShareGroupOffsetsRequest<'_>,
) -> Reply {
    if request.topics.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let names: Vec<&str> = request.topics.iter().map(|topic| topic.topic_name).collect();
    match cx.hall.delete_share_offsets(request.group_id, &names) {
        Ok(done) => {
            let responses = names.iter().zip(done.topics).map(|(name, (id, parts))| {
                let fault = parts.into_iter().find_map(|(_, result)| result.err());
                let says = fault.as_ref().map(|fault| match fault {
                    GroupFault::NoPartition => "There is no offset information to delete.".to_owned(),
                    other => other.to_string(),
                });
                DeleteShareGroupOffsetsResponseTopic {
                    topic_name: (*name).into(),
                    topic_id: uuid(id),
                    error_code: fault.as_ref().map_or(ErrorCode::NONE, group_error),
                    error_message: says.map(Into::into),
                }
            });
            let responses = responses.collect();
            cx.reply_when(done.commit, &DeleteShareGroupOffsetsResponse { responses, ..Default::default() })
        }
        Err(fault) => cx.reply(&DeleteShareGroupOffsetsResponse {
            error_code: group_error(&fault),
            error_message: Some(fault.to_string().into()),
            ..Default::default()
        }),
    }
}
