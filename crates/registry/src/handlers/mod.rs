//! One file for each resource; each handler is one question to the registry.

pub(crate) mod compatibility;
pub(crate) mod config;
pub(crate) mod ids;
pub(crate) mod modes;
pub(crate) mod subjects;
pub(crate) mod versions;

use crate::answer::Json;
use crate::errors::Refusal;

/// What a handler answers.
pub(crate) type Answer<T> = Result<Json<T>, Refusal>;
