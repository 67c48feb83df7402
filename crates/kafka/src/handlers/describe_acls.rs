//! `DescribeAcls`: the access rules that a filter means, by resource.

use std::collections::BTreeMap;

use anymq_broker::acl::{Acl, NamePattern, ResourceKind};

use crate::acls::{Asked, kind_code, pattern_code, permission_code};
use crate::authorized::code;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::acls::{
    AclDescription, DescribeAclsRequest, DescribeAclsResource, DescribeAclsResponse,
};

type Resource<'a> = (ResourceKind, NamePattern, &'a str);

pub(super) fn describe_acls(cx: &mut Cx<'_>, request: DescribeAclsRequest<'_>) -> Reply {
    let asked = Asked {
        kind: request.resource_type_filter,
        name: request.resource_name_filter,
        pattern: request.pattern_type_filter,
        principal: request.principal_filter,
        host: request.host_filter,
        operation: request.operation,
        permission: request.permission_type,
    };
    if asked.is_void() {
        return Reply::Close;
    }
    let acls = match cx.hall.acls() {
        Ok(acls) => acls,
        Err(error) => {
            return cx.reply(&DescribeAclsResponse {
                error_code: topic_error(error.kind),
                error_message: Some(error.text.into()),
                ..Default::default()
            });
        }
    };
    let mut by_resource: BTreeMap<Resource<'_>, Vec<&Acl>> = BTreeMap::new();
    if let Some(filter) = asked.filter() {
        for acl in acls.iter().filter(|acl| filter.takes(acl)) {
            by_resource.entry((acl.kind, acl.pattern, &acl.name)).or_default().push(acl);
        }
    }
    let resources = by_resource.into_iter().map(resource).collect();
    cx.reply(&DescribeAclsResponse { resources, ..Default::default() })
}

fn resource<'a>(((kind, pattern, name), acls): (Resource<'a>, Vec<&'a Acl>)) -> DescribeAclsResource<'a> {
    let description = |acl: &'a Acl| AclDescription {
        principal: (&*acl.principal).into(),
        host: (&*acl.host).into(),
        operation: code(acl.operation),
        permission_type: permission_code(acl.allow),
    };
    DescribeAclsResource {
        resource_type: kind_code(kind),
        resource_name: name.into(),
        pattern_type: pattern_code(pattern),
        acls: acls.into_iter().map(description).collect(),
    }
}
