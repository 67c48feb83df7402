//! `AlterClientQuotas`: how many bytes a second users and clients may send and fetch.

use std::collections::BTreeMap;

use anymq_broker::QuotaChange;
use anymq_catalog::{QUOTA_NAME_BYTES_MAX, QuotaEntity, QuotaKind, QuotaPart, RateFault};

use super::describe_client_quotas::{CLIENT_ID, IP, USER};
use super::limits::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, AlterQuotas, AlteredEntity, AlteredQuotas,
};

type Refusal = (ErrorCode, String);
/// What is limited, and how far; `None`: not any more.
type Limits = BTreeMap<QuotaKind, Option<u64>>;

pub(super) fn alter_client_quotas(cx: &mut Cx<'_>, request: AlterClientQuotasRequest<'_>) -> Reply {
    let named = request.entries.iter().map(|entry| 1 + entry.entity.len() + entry.ops.len());
    if named.fold(0, usize::saturating_add) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut commit = None;
    let mut seen = BTreeMap::new();
    for entry in &request.entries {
        let Ok(entity) = entity(&entry) else { continue };
        *seen.entry(entity).or_insert(0) += 1;
    }
    let entries = request.entries.iter().map(|entry| {
        let altered = entity(&entry).and_then(|entity| {
            if seen.get(&entity).is_some_and(|&times| times > 1) {
                return Err(twice(&entity));
            }
            let limits = limits(&entity, &entry)?;
            let change = QuotaChange { entity, limits, validate_only: request.validate_only };
            let done = cx.hall.alter_quota(change).map_err(|error| match topic_error(error.kind) {
                ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
                    (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, error.text)
                }
                _ => invalid(&error.text),
            })?;
            commit = commit.max(done.commit);
            Ok(())
        });
        let (error_code, error_message) = match altered {
            Ok(()) => (ErrorCode::NONE, None),
            Err((code, says)) => (code, Some(says.into())),
        };
        let part = |part: crate::wire::messages::quotas::AlterEntity<'_>| AlteredEntity {
            entity_type: part.entity_type.to_owned().into(),
            entity_name: part.entity_name.map(|name| name.to_owned().into()),
        };
        AlteredQuotas { error_code, error_message, entity: entry.entity.iter().map(part).collect() }
    });
    let entries = entries.collect();
    cx.reply_when(commit, &AlterClientQuotasResponse { entries, ..Default::default() })
}

fn invalid(says: &str) -> Refusal {
    (ErrorCode::INVALID_REQUEST, says.to_owned())
}

/// An entity, or what limits it, is named twice.
fn twice(entity: &QuotaEntity) -> Refusal {
    let named =
        [(CLIENT_ID, &entity.client_id), (USER, &entity.user)].into_iter().filter_map(|(kind, part)| {
            Some(match part.as_ref()? {
                QuotaPart::Default => format!("{kind}=null"),
                QuotaPart::Name(name) => format!("{kind}={name}"),
            })
        });
    let named: Vec<String> = named.collect();
    invalid(&format!("Ignoring duplicate entity ClientQuotaEntity(entries={{{}}})", named.join(", ")))
}

fn entity(entry: &AlterQuotas<'_>) -> Result<QuotaEntity, Refusal> {
    let mut entity = QuotaEntity::default();
    for part in &entry.entity {
        let place = match part.entity_type {
            USER => &mut entity.user,
            CLIENT_ID => &mut entity.client_id,
            IP => return Err(invalid("Quotas of connections by address are not supported")),
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(invalid(&format!("Unhandled client quota entity type: {shown}")));
            }
        };
        *place = Some(match part.entity_name {
            None => QuotaPart::Default,
            Some("") => return Err(invalid(&format!("Empty {} not supported", part.entity_type))),
            Some(name) if name.len() > QUOTA_NAME_BYTES_MAX => {
                return Err(invalid(&format!("A name of more than {QUOTA_NAME_BYTES_MAX} bytes")));
            }
            Some(name) => QuotaPart::Name(name.into()),
        });
    }
    match entity == QuotaEntity::default() {
        true => Err(invalid("Invalid empty client quota entity")),
        false => Ok(entity),
    }
}

fn limits(entity: &QuotaEntity, entry: &AlterQuotas<'_>) -> Result<Limits, Refusal> {
    let mut limits = Limits::new();
    for op in &entry.ops {
        let Some(kind) = QuotaKind::find(op.key) else {
            let shown: String = op.key.chars().take(64).collect();
            return Err(invalid(&format!("Invalid configuration key {shown}")));
        };
        let rate = match op.remove {
            true => None,
            false => Some(rate(kind, op.value)?),
        };
        if limits.insert(kind, rate).is_some() {
            return Err(twice(entity));
        }
    }
    Ok(limits)
}

fn rate(kind: QuotaKind, value: f64) -> Result<u64, Refusal> {
    let key = kind.name();
    kind.rate(value).map_err(|fault| {
        invalid(&match fault {
            RateFault::NotPositive => format!("Quota {key} must be greater than 0"),
            RateFault::TooLarge => format!("Proposed value for {key} is too large for a LONG."),
            RateFault::Fraction => format!("{key} cannot be a fractional value."),
        })
    })
}
