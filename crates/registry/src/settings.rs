//! Levels of compatibility, and modes: of all subjects, and of one.

use anymq_auth::Action;
use anymq_catalog::{Change, Compatibility, Schemas, SubjectMode, SubjectSettings};
use anymq_types::VhostId;

use crate::errors::{Refusal, Result};
use crate::registry::{Registry, check_subject};
use crate::wire::LevelBody;

/// The subject of what counts for all of them.
pub(crate) const ALL: &str = "";

/// The level of that name, in whatever letters.
pub(crate) fn level(name: &str) -> Option<Compatibility> {
    Compatibility::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
}

fn mode(name: &str) -> Option<SubjectMode> {
    SubjectMode::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(name))
}

/// What counts for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) level: Compatibility,
    pub(crate) mode: SubjectMode,
    pub(crate) normalize: bool,
}

impl Registry {
    fn default_level(&self) -> Compatibility {
        level(&self.config.compatibility).unwrap_or_default()
    }

    /// What counts for a subject: what it sets, else what all do.
    pub(crate) fn in_force(&self, schemas: &Schemas, subject: &str) -> InForce {
        let (own, all) = (schemas.settings(subject), schemas.settings(ALL));
        let mode_of = |settings: Option<&SubjectSettings>| settings.and_then(|s| s.mode);
        let mode = match mode_of(all) {
            Some(SubjectMode::ReadOnlyOverride) => SubjectMode::ReadOnlyOverride,
            all => mode_of(own).or(all).unwrap_or_default(),
        };
        let level = own.and_then(|s| s.compatibility).or(all.and_then(|s| s.compatibility));
        let normalize = own.and_then(|s| s.normalize).or(all.and_then(|s| s.normalize));
        InForce {
            level: level.unwrap_or(self.default_level()),
            mode,
            normalize: normalize.unwrap_or_default(),
        }
    }

    /// The level of a subject.
    pub(crate) fn level(&self, subject: &str, or_global: bool) -> Result<Compatibility> {
        self.check_named(Action::Read, subject)?;
        self.read(|schemas| match schemas.settings(subject).and_then(|s| s.compatibility) {
            Some(level) => Ok(level),
            None if subject == ALL => Ok(self.default_level()),
            None if or_global => Ok(self.in_force(schemas, subject).level),
            None => Err(Refusal::no_level(subject)),
        })?
    }

    /// Sets it.
    pub(crate) fn set_level(&self, subject: &str, body: &LevelBody) -> Result<()> {
        let foreign = [
            (&body.alias, "alias"),
            (&body.compatibility_group, "compatibilityGroup"),
            (&body.validate_fields, "validateFields"),
            (&body.default_metadata, "defaultMetadata"),
            (&body.override_metadata, "overrideMetadata"),
            (&body.default_rule_set, "defaultRuleSet"),
            (&body.override_rule_set, "overrideRuleSet"),
        ];
        if let Some((_, what)) =
            foreign.iter().find(|(value, _)| value.as_ref().is_some_and(|v| !v.is_null()))
        {
            return Err(Refusal::not_done(what));
        }
        let level = match &body.compatibility {
            Some(name) => Some(level(name).ok_or_else(Refusal::invalid_level)?),
            None if body.normalize.is_some() => None,
            None => return Err(Refusal::invalid_level()),
        };
        self.set(subject, |settings| {
            settings.compatibility = level.or(settings.compatibility);
            settings.normalize = body.normalize.or(settings.normalize);
            Ok(())
        })
    }

    /// Takes it back; what it was.
    pub(crate) fn delete_level(&self, subject: &str) -> Result<Compatibility> {
        let before = self.read(|schemas| schemas.settings(subject).and_then(|s| s.compatibility))?;
        let before = match (before, subject) {
            (Some(level), _) => level,
            (None, ALL) => self.default_level(),
            (None, subject) => return Err(Refusal::no_subject(subject)),
        };
        self.set(subject, |settings| {
            settings.compatibility = None;
            settings.normalize = None;
            Ok(())
        })?;
        Ok(before)
    }

    /// The mode of a subject.
    pub(crate) fn mode(&self, subject: &str, or_global: bool) -> Result<SubjectMode> {
        self.check_named(Action::Read, subject)?;
        self.read(|schemas| match schemas.settings(subject).and_then(|s| s.mode) {
            Some(mode) => Ok(mode),
            None if subject == ALL => Ok(SubjectMode::default()),
            None if or_global => Ok(self.in_force(schemas, subject).mode),
            None => Err(Refusal::no_mode(subject)),
        })?
    }

    /// Sets it.
    pub(crate) fn set_mode(&self, subject: &str, name: &str, force: bool) -> Result<SubjectMode> {
        let mode = mode(name).ok_or_else(Refusal::invalid_mode)?;
        if mode == SubjectMode::Import && !force {
            let exists = self.read(|schemas| match subject {
                ALL => schemas.subjects().next().is_some(),
                subject => schemas.versions(subject).next().is_some(),
            })?;
            if exists {
                return Err(Refusal::not_permitted("Cannot import since found existing subjects"));
            }
        }
        self.set(subject, |settings| {
            settings.mode = Some(mode);
            Ok(())
        })?;
        Ok(mode)
    }

    /// Takes it back; what it was.
    pub(crate) fn delete_mode(&self, subject: &str) -> Result<SubjectMode> {
        let before = self.read(|schemas| schemas.settings(subject).and_then(|s| s.mode))?;
        let before = match (before, subject) {
            (Some(mode), _) => mode,
            (None, ALL) => SubjectMode::default(),
            (None, subject) => return Err(Refusal::no_subject(subject)),
        };
        self.set(subject, |settings| {
            settings.mode = None;
            Ok(())
        })?;
        Ok(before)
    }

    fn check_named(&self, action: Action, subject: &str) -> Result<()> {
        if subject != ALL {
            check_subject(subject)?;
        }
        self.check(action, subject)
    }

    fn set(&self, subject: &str, set: impl FnOnce(&mut SubjectSettings) -> Result<()>) -> Result<()> {
        self.check_named(Action::Configure, subject)?;
        self.alter(Action::Configure, subject, |catalog, vhost| {
            let found = catalog.schemas(vhost).and_then(|schemas| schemas.settings(subject));
            let is_new = found.is_none();
            let held = catalog.schemas(vhost).map_or(0, Schemas::settings_count);
            if is_new && held >= crate::registry::LIMITS.subjects {
                return Err(Refusal::store(format!("more than {held} subjects have settings")));
            }
            let mut settings = found.cloned().unwrap_or_else(|| nothing(vhost, subject));
            set(&mut settings)?;
            let change = match settings == nothing(vhost, subject) {
                true => Change::SubjectSettingsDelete { vhost, subject: subject.into() },
                false => Change::SubjectSettingsPut(settings),
            };
            Ok(((), vec![change]))
        })
    }
}

/// The settings of a subject that sets nothing.
fn nothing(vhost: VhostId, subject: &str) -> SubjectSettings {
    SubjectSettings { vhost, subject: subject.into(), compatibility: None, normalize: None, mode: None }
}
