//! `CreateAcls`: adds access rules, those that are valid; the others are refused one by one.

use anymq_broker::acl::Acl;

use super::limits::ELEMENTS_MAX;
use crate::acls::{kind, operation, pattern, permission};
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::acls::{AclCreation, AclCreationResult, CreateAclsRequest, CreateAclsResponse};

pub(super) fn create_acls(cx: &mut Cx<'_>, request: CreateAclsRequest<'_>) -> Reply {
    if request.creations.len() > ELEMENTS_MAX || request.creations.iter().any(|c| is_void(&c)) {
        return Reply::Close;
    }
    let wanted: Vec<Result<Acl, String>> = request.creations.iter().map(|creation| acl(&creation)).collect();
    let valid = wanted.iter().filter_map(|acl| acl.as_ref().ok().cloned()).collect();
    let (refused, commit) = match cx.hall.add_acls(valid) {
        Ok(done) => (None, done.commit),
        Err(error) => {
            let code = match topic_error(error.kind) {
                ErrorCode::CLUSTER_AUTHORIZATION_FAILED => ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
                _ => ErrorCode::INVALID_REQUEST,
            };
            (Some((code, error.text)), None)
        }
    };
    let results = wanted.into_iter().map(|acl| match (&refused, acl) {
        (Some((code, text)), Ok(_)) => result(*code, text.clone()),
        (Some((code, text)), Err(_)) if *code == ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
            result(*code, text.clone())
        }
        (_, Err(fault)) => result(ErrorCode::INVALID_REQUEST, fault),
        // Kafka 4 says an empty text here, its releases before said none: kafkajs' own suite is particular about it.
        (None, Ok(_)) => AclCreationResult::default(),
    });
    let results = results.collect();
    cx.reply_when(commit, &CreateAclsResponse { results, ..Default::default() })
}

/// Whether it says 0 where something must be said: Kafka closes the connection.
fn is_void(creation: &AclCreation<'_>) -> bool {
    let AclCreation { resource_type, resource_pattern_type, operation, permission_type, .. } = *creation;
    [resource_type, resource_pattern_type, operation, permission_type].contains(&0)
}

fn acl(creation: &AclCreation<'_>) -> Result<Acl, String> {
    let invalid = |what: &str, number: i8| format!("Invalid {what} {number}");
    let acl = Acl {
        kind: kind(creation.resource_type).ok_or_else(|| invalid("resourceType", creation.resource_type))?,
        name: creation.resource_name.into(),
        pattern: pattern(creation.resource_pattern_type)
            .ok_or_else(|| invalid("patternType", creation.resource_pattern_type))?,
        principal: creation.principal.into(),
        host: creation.host.into(),
        operation: operation(creation.operation).ok_or_else(|| invalid("operation", creation.operation))?,
        allow: permission(creation.permission_type)
            .ok_or_else(|| invalid("permissionType", creation.permission_type))?,
    };
    acl.check().map(|()| acl).map_err(|fault| fault.to_string())
}

fn result(error_code: ErrorCode, says: String) -> AclCreationResult<'static> {
    AclCreationResult { error_code, error_message: Some(says.into()) }
}
