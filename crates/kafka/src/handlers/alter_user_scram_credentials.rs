//! `AlterUserScramCredentials`: what a user can log in with by SCRAM. The client brings what it has made of the password;
//! the password is not known here, and other ways to log in with it stay as they are.

use std::collections::BTreeMap;

use anymq_broker::scram::{ScramCredential, ScramFault, ScramMechanism};
use anymq_broker::{ScramChange, ScramListed};

use super::describe_user_scram_credentials::code;
use super::limits::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::quotas::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, AlterUserScramCredentialsResult,
    ScramCredentialUpsertion,
};

/// Longest name of a user, in bytes.
const NAME_BYTES_MAX: usize = 255;

type Refusal = (ErrorCode, String);
type Planned<'a> = BTreeMap<&'a str, Result<ScramChange<'a>, Refusal>>;

pub(super) fn alter_user_scram_credentials(
    cx: &mut Cx<'_>,
    request: AlterUserScramCredentialsRequest<'_>,
) -> Reply {
    if request.deletions.len().saturating_add(request.upsertions.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let listed = cx.hall.scram_credentials().unwrap_or_default();
    let by_name: BTreeMap<&str, &ScramListed> = listed.iter().map(|one| (&*one.user, one)).collect();
    let mut planned = Planned::new();
    for deletion in &request.deletions {
        plan(&mut planned, deletion.name, deletion.mechanism, |mechanism| {
            let mut all = by_name.get(deletion.name).into_iter().flat_map(|one| &one.mechanisms);
            all.any(|(has, _)| *has == mechanism).then_some(None).ok_or_else(missing)
        });
    }
    for upsertion in &request.upsertions {
        plan(&mut planned, upsertion.name, upsertion.mechanism, |mechanism| {
            credential(mechanism, &upsertion).map(Some)
        });
    }
    let changes: Vec<ScramChange<'_>> =
        planned.values().filter_map(|change| change.as_ref().ok().cloned()).collect();
    let (mut made, commit, refused) = match cx.hall.alter_scram(&changes) {
        Ok(done) => (done.value.into_iter(), done.commit, None),
        Err(error) => {
            let refused = (topic_error(error.kind), "Cluster authorization failed.".to_owned());
            (Vec::new().into_iter(), None, Some(refused))
        }
    };
    let results = planned.into_iter().map(|(name, change)| {
        let outcome = match (&refused, change) {
            (Some(refusal), _) => Err(refusal.clone()),
            (None, Err(refusal)) => Err(refusal),
            (None, Ok(_)) if made.next() == Some(true) => Ok(()),
            (None, Ok(_)) => Err(missing()),
        };
        result(name, outcome)
    });
    let results = results.collect();
    cx.reply_when(commit, &AlterUserScramCredentialsResponse { results, ..Default::default() })
}

fn missing() -> Refusal {
    let says = "Attempt to delete a user credential that does not exist";
    (ErrorCode::RESOURCE_NOT_FOUND, says.to_owned())
}

/// Adds what is wanted of a user. Only one thing may be, whatever the mechanisms; of what is refused the first counts.
fn plan<'a>(
    planned: &mut Planned<'a>,
    user: &'a str,
    number: i8,
    credential: impl FnOnce(ScramMechanism) -> Result<Option<ScramCredential>, Refusal>,
) {
    let twice = "A user credential cannot be altered twice in the same request";
    let change = match planned.get(user) {
        Some(Err(_)) => return,
        Some(Ok(_)) => Err((ErrorCode::DUPLICATE_RESOURCE, twice.to_owned())),
        None => mechanism(user, number)
            .and_then(|mechanism| Ok(ScramChange { user, mechanism, credential: credential(mechanism)? })),
    };
    planned.insert(user, change);
}

fn mechanism(user: &str, number: i8) -> Result<ScramMechanism, Refusal> {
    if user.is_empty() {
        return Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, "Username must not be empty".to_owned()));
    }
    if user.len() > NAME_BYTES_MAX {
        let says = format!("Username must not be longer than {NAME_BYTES_MAX} bytes");
        return Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, says));
    }
    let known = ScramMechanism::ALL.into_iter().find(|&mechanism| code(mechanism) == number);
    known.ok_or_else(|| (ErrorCode::UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism".to_owned()))
}

fn credential(
    mechanism: ScramMechanism,
    upsertion: &ScramCredentialUpsertion<'_>,
) -> Result<ScramCredential, Refusal> {
    let ScramCredentialUpsertion { salted_password, salt, iterations, .. } = *upsertion;
    ScramCredential::of_salted(mechanism, salted_password, salt, iterations).map_err(|fault| {
        let says = match fault {
            ScramFault::TooFewIterations => "Too few iterations".to_owned(),
            ScramFault::TooManyIterations => "Too many iterations".to_owned(),
            ScramFault::TooLong | ScramFault::Empty | ScramFault::Keys(_) => fault.to_string(),
        };
        (ErrorCode::UNACCEPTABLE_CREDENTIAL, says)
    })
}

fn result(user: &str, outcome: Result<(), Refusal>) -> AlterUserScramCredentialsResult<'static> {
    let (error_code, says) = match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((code, says)) => (code, Some(says)),
    };
    AlterUserScramCredentialsResult {
        user: user.to_owned().into(),
        error_code,
        error_message: says.map(Into::into),
    }
}
