//! Settings of groups, as both operations on settings change them.

use anymq_broker::{Error, ErrorKind, GroupConfig};
use anymq_types::Position;

use super::alter_configs::Refusal;
use crate::session::Cx;
use crate::wire::ErrorCode;

/// Gives a group the settings that `alter` makes of those it has.
pub(super) fn alter_group(
    cx: &Cx<'_>,
    name: &str,
    validate_only: bool,
    commit: &mut Option<Position>,
    alter: impl FnOnce(&GroupConfig) -> Result<GroupConfig, Refusal>,
) -> Result<(), Refusal> {
    let mut refusal = None;
    let done = cx.hall.alter_group(name, validate_only, |now| {
        alter(now).map_err(|(code, says)| {
            refusal = Some((code, says.clone()));
            Error::invalid(says)
        })
    });
    let done = done.map_err(|error| refusal.unwrap_or_else(|| group_says(error)))?;
    *commit = (*commit).max(done.commit);
    Ok(())
}

/// Why nothing is said of a group, or changed.
pub(super) fn group_says(error: Error) -> Refusal {
    let code = match error.kind {
        ErrorKind::Forbidden => ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ErrorKind::Exhausted => ErrorCode::POLICY_VIOLATION,
        _ => ErrorCode::INVALID_CONFIG,
    };
    (code, error.text)
}
