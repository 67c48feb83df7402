//! `DeleteAcls`: takes away the access rules that filters mean, and says which they were.

use anymq_broker::acl::Acl;

use super::limits::ELEMENTS_MAX;
use crate::acls::{Asked, kind_code, pattern_code, permission_code};
use crate::authorized::code;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::acls::{
    DeleteAclsFilter, DeleteAclsFilterResult, DeleteAclsMatchingAcl, DeleteAclsRequest, DeleteAclsResponse,
};

/// Most filters of one request: each is compared with every rule.
const FILTERS_MAX: usize = 1_000;
const _: () = assert!(FILTERS_MAX <= ELEMENTS_MAX);

pub(super) fn delete_acls(cx: &mut Cx<'_>, request: DeleteAclsRequest<'_>) -> Reply {
    let count = request.filters.len();
    if count > FILTERS_MAX || request.filters.iter().any(|filter| asked(&filter).is_void()) {
        return Reply::Close;
    }
    let filters: Vec<_> = request.filters.iter().map(|filter| asked(&filter).filter()).collect();
    let (filter_results, commit) = match cx.hall.delete_acls(&filters) {
        Ok(done) => (done.value.iter().map(|acls| taken(acls)).collect(), done.commit),
        Err(error) => {
            let refused = || DeleteAclsFilterResult {
                error_code: topic_error(error.kind),
                error_message: Some(error.text.clone().into()),
                ..Default::default()
            };
            ((0..count).map(|_| refused()).collect(), None)
        }
    };
    cx.reply_when(commit, &DeleteAclsResponse { filter_results, ..Default::default() })
}

fn asked<'a>(filter: &DeleteAclsFilter<'a>) -> Asked<'a> {
    Asked {
        kind: filter.resource_type_filter,
        name: filter.resource_name_filter,
        pattern: filter.pattern_type_filter,
        principal: filter.principal_filter,
        host: filter.host_filter,
        operation: filter.operation,
        permission: filter.permission_type,
    }
}

fn taken(acls: &[Acl]) -> DeleteAclsFilterResult<'static> {
    let one = |acl: &Acl| DeleteAclsMatchingAcl {
        resource_type: kind_code(acl.kind),
        resource_name: acl.name.to_string().into(),
        pattern_type: pattern_code(acl.pattern),
        principal: acl.principal.to_string().into(),
        host: acl.host.to_string().into(),
        operation: code(acl.operation),
        permission_type: permission_code(acl.allow),
        ..Default::default()
    };
    DeleteAclsFilterResult { matching_acls: acls.iter().map(one).collect(), ..Default::default() }
}
