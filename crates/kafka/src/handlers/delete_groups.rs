//! `DeleteGroups`: groups without members, with their offsets.

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::group_admin::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

pub(super) fn delete_groups(cx: &mut Cx<'_>, request: DeleteGroupsRequest<'_>) -> Reply {
    if request.groups_names.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut commit = None;
    let results = request.groups_names.iter().map(|name| {
        let error_code = match cx.hall.delete_group(name) {
            Ok(done) => {
                commit = commit.max(done.commit);
                ErrorCode::NONE
            }
            Err(fault) => group_error(&fault),
        };
        DeletableGroupResult { group_id: name.into(), error_code }
    });
    let results = results.collect();
    cx.reply_when(commit, &DeleteGroupsResponse { results, ..Default::default() })
}
