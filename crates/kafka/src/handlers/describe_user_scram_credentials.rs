//! `DescribeUserScramCredentials`: who can log in with SCRAM; never with what.

use std::collections::{BTreeMap, BTreeSet};

use anymq_broker::ScramListed;
use anymq_broker::scram::ScramMechanism;

use super::limits::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::quotas::{
    CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
};

/// A mechanism's number (`ScramMechanism`).
pub(super) fn code(mechanism: ScramMechanism) -> i8 {
    match mechanism {
        ScramMechanism::Sha256 => 1,
        ScramMechanism::Sha512 => 2,
    }
}

pub(super) fn describe_user_scram_credentials(
    cx: &mut Cx<'_>,
    request: DescribeUserScramCredentialsRequest<'_>,
) -> Reply {
    if request.users.as_ref().is_some_and(|users| users.len() > ELEMENTS_MAX) {
        return Reply::Close;
    }
    let listed = match cx.hall.scram_credentials() {
        Ok(listed) => listed,
        Err(error) => {
            return cx.reply(&DescribeUserScramCredentialsResponse {
                error_code: topic_error(error.kind),
                error_message: Some("Cluster authorization failed.".into()),
                ..Default::default()
            });
        }
    };
    let results = match &request.users {
        Some(users) if !users.is_empty() => {
            let by_name: BTreeMap<&str, &ScramListed> = listed.iter().map(|one| (&*one.user, one)).collect();
            let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
            for user in users {
                if !seen.insert(user.name) {
                    twice.insert(user.name);
                }
            }
            seen.iter().map(|name| named(name, by_name.get(name).copied(), twice.contains(name))).collect()
        }
        _ => listed.iter().map(found).collect(),
    };
    let error_message = Some("".into());
    cx.reply(&DescribeUserScramCredentialsResponse { error_message, results, ..Default::default() })
}

fn named(
    name: &str,
    listed: Option<&ScramListed>,
    twice: bool,
) -> DescribeUserScramCredentialsResult<'static> {
    let refused = |error_code, says: String| DescribeUserScramCredentialsResult {
        user: name.to_owned().into(),
        error_code,
        error_message: Some(says.into()),
        ..Default::default()
    };
    match listed {
        _ if twice => refused(
            ErrorCode::DUPLICATE_RESOURCE,
            format!("Cannot describe SCRAM credentials for the same user twice in a single request: {name}"),
        ),
        Some(listed) => found(listed),
        None => refused(
            ErrorCode::RESOURCE_NOT_FOUND,
            format!("Attempt to describe a user credential that does not exist: {name}"),
        ),
    }
}

fn found(listed: &ScramListed) -> DescribeUserScramCredentialsResult<'static> {
    let info = |&(mechanism, iterations): &(ScramMechanism, u32)| CredentialInfo {
        mechanism: code(mechanism),
        iterations: iterations.cast_signed(),
    };
    DescribeUserScramCredentialsResult {
        user: listed.user.to_string().into(),
        error_message: Some("".into()),
        credential_infos: listed.mechanisms.iter().map(info).collect(),
        ..Default::default()
    }
}
