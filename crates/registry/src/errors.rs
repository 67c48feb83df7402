//! What is refused, in the codes and words of Confluent's registry: clients look for both.

use anymq_broker::{Error, ErrorKind};
use anymq_catalog::schemas::RegisterError;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Of HTTP.
    pub(crate) status: u16,
    /// The registry's, which mostly begins with the status.
    pub(crate) code: u32,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(status: u16, code: u32, message: impl Into<String>) -> Refusal {
        Refusal { status, code, message: message.into() }
    }

    fn not_found(code: u32, message: String) -> Refusal {
        Refusal::new(404, code, message)
    }

    fn unprocessable(code: u32, message: impl Into<String>) -> Refusal {
        Refusal::new(422, code, message)
    }

    pub(crate) fn no_subject(subject: &str) -> Refusal {
        Refusal::not_found(40401, format!("Subject '{subject}' not found."))
    }

    pub(crate) fn no_version(version: impl std::fmt::Display) -> Refusal {
        Refusal::not_found(40402, format!("Version {version} not found."))
    }

    pub(crate) fn no_schema() -> Refusal {
        Refusal::not_found(40403, "Schema not found".into())
    }

    pub(crate) fn no_schema_id(id: u32) -> Refusal {
        Refusal::not_found(40403, format!("Schema {id} not found"))
    }

    pub(crate) fn subject_deleted(subject: &str) -> Refusal {
        let text = format!("Subject '{subject}' was soft deleted.Set permanent=true to delete permanently");
        Refusal::not_found(40404, text)
    }

    pub(crate) fn subject_not_deleted(subject: &str) -> Refusal {
        let text = format!("Subject '{subject}' was not deleted first before being permanently deleted");
        Refusal::not_found(40405, text)
    }

    pub(crate) fn version_deleted(subject: &str, version: u32) -> Refusal {
        let text = format!(
            "Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently"
        );
        Refusal::not_found(40406, text)
    }

    pub(crate) fn version_not_deleted(subject: &str, version: u32) -> Refusal {
        let text = format!(
            "Subject '{subject}' Version {version} was not deleted first before being permanently deleted"
        );
        Refusal::not_found(40407, text)
    }

    pub(crate) fn no_level(subject: &str) -> Refusal {
        let text = format!("Subject '{subject}' does not have subject-level compatibility configured");
        Refusal::not_found(40408, text)
    }

    pub(crate) fn no_mode(subject: &str) -> Refusal {
        Refusal::not_found(40409, format!("Subject '{subject}' does not have subject-level mode configured"))
    }

    pub(crate) fn incompatible(text: String) -> Refusal {
        Refusal::new(409, 409, text)
    }

    pub(crate) fn invalid_schema(why: impl std::fmt::Display) -> Refusal {
        Refusal::unprocessable(42201, format!("Invalid schema: {why}"))
    }

    pub(crate) fn invalid_version(version: &str) -> Refusal {
        Refusal::unprocessable(
            42202,
            format!(
                "The specified version '{version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
            ),
        )
    }

    pub(crate) fn invalid_level() -> Refusal {
        Refusal::unprocessable(
            42203,
            "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive",
        )
    }

    pub(crate) fn invalid_mode() -> Refusal {
        Refusal::unprocessable(
            42204,
            "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE and IMPORT",
        )
    }

    pub(crate) fn not_permitted(why: impl Into<String>) -> Refusal {
        Refusal::unprocessable(42205, why)
    }

    pub(crate) fn referenced(subject: &str, version: u32) -> Refusal {
        Refusal::unprocessable(
            42206,
            format!(
                "One or more references exist to the schema {{magic=1,keytype=SCHEMA,subject={subject},version={version}}}."
            ),
        )
    }

    pub(crate) fn invalid_subject(subject: &str, why: &str) -> Refusal {
        Refusal::unprocessable(42208, format!("The specified subject '{subject}' is not a valid: {why}"))
    }

    pub(crate) fn too_large(bytes: usize, max: usize) -> Refusal {
        Refusal::unprocessable(42209, format!("The schema has {bytes} bytes, more than {max}"))
    }

    /// What Confluent's registry does and this one does not.
    pub(crate) fn not_done(what: &str) -> Refusal {
        Refusal::unprocessable(42210, format!("{what} is not supported"))
    }

    pub(crate) fn store(why: impl std::fmt::Display) -> Refusal {
        Refusal::new(500, 50001, format!("Error in the backend data store: {why}"))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Forbidden | ErrorKind::NotAllowed | ErrorKind::Locked => {
                Refusal::new(403, 40301, error.text)
            }
            ErrorKind::NotFound => Refusal::not_found(404, error.text),
            ErrorKind::Invalid
            | ErrorKind::Conflict
            | ErrorKind::InUse
            | ErrorKind::TooLarge
            | ErrorKind::NotImplemented => Refusal::unprocessable(422, error.text),
            ErrorKind::Exhausted | ErrorKind::Unavailable | ErrorKind::Corrupt => Refusal::store(error.text),
        }
    }
}

impl From<RegisterError> for Refusal {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Full { .. } | RegisterError::NoId => Refusal::store(error),
            RegisterError::IdTaken(id) => {
                Refusal::not_permitted(format!("Overwrite new schema with id {id} is not permitted."))
            }
            RegisterError::VersionTaken(version) => {
                Refusal::not_permitted(format!("Version {version} of the subject is another schema"))
            }
        }
    }
}
