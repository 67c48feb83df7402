//! One change of the catalogue: made, journaled, and followed by everything that lives off it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Release;

use anymq_catalog::definitions::Definitions;
use anymq_catalog::{
    Binding, Change, DeadLetterStrategy, Exchange, GlobalParameter, Queue as QueueDef, QueueKind,
    SchemaRules, Topic,
};
use anymq_types::{ConnectionId, QueueId, VhostId};

use super::Core;
use super::fx::Fx;
use crate::api::Event;
use crate::error::{Error, Result};
use crate::journal::CATALOG;
use crate::queue::Queue;
use crate::queue::settings::{Kind, Overflow, Settings};
use crate::routing::Router;

/// Largest change of the catalogue, as JSON; a snapshot's chunk holds any of them.
const CHANGE_BYTES_MAX: usize = 8 << 20;
const _: () = assert!(CHANGE_BYTES_MAX + (64 << 10) < anymq_log::SNAPSHOT_CHUNK_MAX);

impl Core {
    /// Makes a change with all that follows from it; what must outlive a restart is journaled.
    pub(crate) fn change(&mut self, fx: &mut Fx<'_>, change: Change) -> Result<()> {
        check_size(&change)?;
        self.make(fx, change)
    }

    /// Makes all of the changes, or none of them.
    pub(crate) fn change_all(&mut self, fx: &mut Fx<'_>, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(check_size)?;
        self.catalog.rehearse(&changes).map_err(|e| Error::invalid(e.to_string()))?;
        changes.into_iter().try_for_each(|change| self.make(fx, change))
    }

    /// Takes a definitions file: how many changes it came to, and what was left out.
    pub(crate) fn import(&mut self, fx: &mut Fx<'_>, file: Definitions) -> Result<(u64, Vec<String>)> {
        let found = file
            .resolve(&self.catalog, self.config.default_queue_type)
            .map_err(|e| Error::invalid(e.to_string()))?;
        let entries = found.changes.len() as u64;
        self.change_all(fx, found.changes)?;
        Ok((entries, found.skipped))
    }

    fn make(&mut self, fx: &mut Fx<'_>, change: Change) -> Result<()> {
        let steps = self.catalog.commit(change).map_err(|e| Error::invalid(e.to_string()))?;
        for step in steps {
            if step.durable {
                let json = serde_json::to_vec(&step.change).map_err(|e| Error::invalid(e.to_string()))?;
                fx.frame(CATALOG, |out| out.extend_from_slice(&json));
            }
            self.follow(Some(fx), step.change);
        }
        Ok(())
    }

    /// Repeats a change from the journal.
    pub(crate) fn replay_change(&mut self, change: Change) -> std::result::Result<(), String> {
        let applied = self.catalog.apply(change.clone()).map_err(|e| e.to_string())?;
        for change in applied.cascade {
            self.follow(None, change);
        }
        if applied.changed {
            self.follow(None, change);
        }
        Ok(())
    }

    /// Brings routers and queues in line with a change that the catalogue has made. Without effects: recovery.
    fn follow(&mut self, fx: Option<&mut Fx<'_>>, change: Change) {
        self.catalog_changes.fetch_add(1, Release);
        if concerns_topics(&change) {
            self.groups.topics_changed();
        }
        self.schemas.follow(&change);
        match change {
            Change::VhostPut(vhost) => self.vhost_put(vhost.id),
            Change::VhostDelete { id } => self.vhost_gone(fx, id),
            Change::ExchangePut(exchange) => {
                self.exchange_put(&exchange);
                self.topic_exchange_put(fx, &exchange);
            }
            Change::ExchangeDelete { id } => {
                self.topic_exchanges.remove(id);
                self.routers.values_mut().for_each(|router| router.exchange_delete(id));
            }
            Change::QueuePut(queue) => self.queue_put(fx, &queue),
            Change::QueueDelete { id } => self.queue_gone(fx, id),
            Change::BindingPut(binding) => self.binding_put(&binding),
            Change::BindingDelete(binding) => self.binding_delete(&binding),
            Change::TopicPut(topic) => self.topic_put(fx, &topic),
            Change::PolicyPut(policy) => self.policies_changed(fx, policy.vhost),
            Change::PolicyDelete { vhost, .. } => self.policies_changed(fx, vhost),
            Change::UserPut(user) => self.rights_changed(fx, &user.name),
            Change::QuotaPut { .. } => self.quotas_changed(),
            Change::AclsPut { vhost, .. } | Change::AclsDelete { vhost, .. } => self.rules_changed(fx, vhost),
            Change::UserDelete { name } => self.close_user(fx, &name, "user is deleted"),
            Change::PermissionPut(p) => self.rights_changed(fx, &p.user),
            Change::PermissionDelete { user, .. } | Change::TopicPermissionDelete { user, .. } => {
                self.rights_changed(fx, &user)
            }
            Change::TopicPermissionPut(p) => self.rights_changed(fx, &p.user),
            Change::GlobalParameterPut(GlobalParameter { name, .. })
            | Change::GlobalParameterDelete { name } => self.global_changed(fx, &name),
            Change::Ids(_)
            | Change::TopicDelete { .. }
            | Change::ScramSecretPut(_)
            | Change::ParameterPut(_)
            | Change::ParameterDelete { .. }
            | Change::SchemaPut(_)
            | Change::SchemaVersionPut(_)
            | Change::SchemaVersionDelete { .. }
            | Change::SubjectSettingsPut(_)
            | Change::SubjectSettingsDelete { .. } => {}
        }
    }

    fn vhost_put(&mut self, id: VhostId) {
        if self.routers.contains_key(&id) {
            return;
        }
        self.routers.insert(id, Router::default());
        let exchanges: Vec<Arc<Exchange>> = self.catalog.exchanges(id).cloned().collect();
        exchanges.iter().for_each(|exchange| self.exchange_put(exchange));
    }

    fn vhost_gone(&mut self, fx: Option<&mut Fx<'_>>, id: VhostId) {
        self.routers.remove(&id);
        self.topic_exchanges.remove_vhost(id);
        self.groups.remove_vhost(id);
        if let Some(fx) = fx {
            let gone: Vec<ConnectionId> =
                self.sessions.values().filter(|s| s.vhost == id).map(|s| s.id).collect();
            self.close_sessions(fx, &gone, "vhost is deleted");
        }
    }

    fn exchange_put(&mut self, exchange: &Exchange) {
        let alternate = self.catalog.alternate_exchange(exchange);
        if let Some(router) = self.routers.get_mut(&exchange.vhost) {
            router.exchange_put(exchange, alternate);
        }
    }

    fn binding_put(&mut self, binding: &Binding) {
        if let Some(router) = self.routers.get_mut(&binding.vhost) {
            router.bind(binding);
        }
    }

    fn binding_delete(&mut self, binding: &Binding) {
        if let Some(router) = self.routers.get_mut(&binding.vhost) {
            router.unbind(binding);
        }
    }

    fn queue_put(&mut self, fx: Option<&mut Fx<'_>>, def: &QueueDef) {
        let settings = self.settings_of(def);
        if let Some(queue) = self.queues.get_mut(&def.id) {
            self.schemas.moved(queue.settings.schemas, settings.schemas);
            queue.apply_settings(settings);
            return;
        }
        self.schemas.moved(SchemaRules::default(), settings.schemas);
        let now = fx.as_ref().map_or(self.recovered_at, |fx| fx.now);
        let mut queue = Queue::new(
            def.id,
            def.vhost,
            def.name.clone(),
            kind_of(def.kind),
            def.is_durable(),
            settings,
            now,
        );
        queue.stream.replaying = fx.is_none();
        self.queues.insert(def.id, Box::new(queue));
        if let Some(router) = self.routers.get_mut(&def.vhost) {
            router.queue_put(&def.name, def.id);
        }
        if let Some(fx) = fx {
            self.stats.queues_created += 1;
            self.watch_idle(fx, def.id);
        }
    }

    fn queue_gone(&mut self, fx: Option<&mut Fx<'_>>, id: QueueId) {
        let Some(mut queue) = self.queues.remove(&id) else { return };
        self.schemas.moved(queue.settings.schemas, SchemaRules::default());
        let now = fx.as_ref().map_or(self.recovered_at, |fx| fx.now);
        self.groups.partition_gone(now, id);
        let watchers = self.partitions.remove(&id).map(|p| p.watchers).unwrap_or_default();
        if let Some(router) = self.routers.get_mut(&queue.vhost) {
            router.queue_delete(&queue.name);
        }
        self.stats.queues_deleted += 1;
        self.resident -= queue.resident;
        for extent in queue.stream.extents().filter(|e| e.stored && e.live > 0) {
            self.segments.release(extent.at.segment(), extent.own);
        }
        queue.stream.clear();
        let leases: Vec<_> = queue.leases.values().copied().collect();
        for lease in leases {
            self.uncount(&lease);
            if let Some(h) = self.holders.get_mut(lease.holder.0) {
                h.queues.retain(|&q| q != id);
            }
            if let Some(c) = self.consumers.get_mut(lease.consumer.0) {
                c.unacked = c.unacked.saturating_sub(1);
            }
        }
        let Some(fx) = fx else { return };
        fx.signals.extend(watchers);
        for consumer in queue.consumers.ids().collect::<Vec<_>>() {
            let Some(c) = self.consumers.remove(consumer.0) else { continue };
            if let Some(h) = self.holders.get_mut(c.holder.0) {
                h.consumers.retain(|&other| other != consumer);
            }
            self.stats.consumers_closed += 1;
            let event = if c.fetch {
                Event::Fetched { token: c.token, message: None }
            } else {
                Event::Cancelled { token: c.token }
            };
            c.outbox.push(event);
            fx.wake(&c.outbox);
        }
        for session in self.sessions.values_mut() {
            session.exclusive_queues.retain(|&q| q != id);
        }
    }

    /// Resolves the settings of a topic's partitions again.
    pub(super) fn topic_put(&mut self, mut fx: Option<&mut Fx<'_>>, topic: &Topic) {
        for &id in &topic.partitions {
            if let Some(def) = self.catalog.queue_by_id(id).cloned() {
                self.settings_changed(fx.as_deref_mut(), &def);
            }
        }
    }

    fn settings_changed(&mut self, fx: Option<&mut Fx<'_>>, def: &QueueDef) {
        let settings = self.settings_of(def);
        let Some(queue) = self.queues.get_mut(&def.id).filter(|queue| queue.settings != settings) else {
            return;
        };
        self.schemas.moved(queue.settings.schemas, settings.schemas);
        queue.apply_settings(settings);
        if let Some(fx) = fx {
            self.watch_head(fx, def.id);
            self.watch_idle(fx, def.id);
            self.enforce_length(fx, def.id);
            self.touch(fx, def.id);
        }
    }

    /// Resolves every queue's and exchange's settings of a vhost again.
    fn policies_changed(&mut self, mut fx: Option<&mut Fx<'_>>, vhost: VhostId) {
        let queues: Vec<Arc<QueueDef>> = self.catalog.queues(vhost).cloned().collect();
        queues.iter().for_each(|def| self.settings_changed(fx.as_deref_mut(), def));
        let exchanges: Vec<Arc<Exchange>> = self.catalog.exchanges(vhost).cloned().collect();
        exchanges.iter().for_each(|exchange| self.exchange_put(exchange));
    }

    fn rights_changed(&mut self, fx: Option<&mut Fx<'_>>, user: &str) {
        if let Some(fx) = fx {
            let lost = self.refresh_access(user);
            self.close_sessions(fx, &lost, "access to the vhost was revoked");
        }
    }

    fn rules_changed(&mut self, fx: Option<&mut Fx<'_>>, vhost: VhostId) {
        if let Some(fx) = fx {
            let lost = self.refresh_rules(vhost);
            self.close_sessions(fx, &lost, "access to the vhost was revoked");
        }
    }

    fn close_user(&mut self, fx: Option<&mut Fx<'_>>, user: &str, why: &str) {
        if let Some(fx) = fx {
            let gone: Vec<ConnectionId> =
                self.sessions.values().filter(|s| &*s.user == user).map(|s| s.id).collect();
            self.close_sessions(fx, &gone, why);
        }
    }

    /// Tells connections to close; they do it themselves.
    pub(crate) fn close_sessions(&mut self, fx: &mut Fx<'_>, ids: &[ConnectionId], why: &str) {
        for id in ids {
            if let Some(state) = self.sessions.get(id) {
                state.outbox.push(Event::Close { reason: why.to_owned() });
                fx.wake(&state.outbox.clone());
            }
        }
    }

    /// A queue's resolved settings, one allocation for all queues that have the same.
    fn settings_of(&mut self, def: &QueueDef) -> Arc<Settings> {
        let resolved = self.catalog.settings(def);
        let topic = self.catalog.topic_of(def.id).map(|topic| self.topic_settings(&topic.config));
        let schemas = topic.as_ref().map(|topic| topic.schema_rules()).unwrap_or_default();
        let settings = Settings {
            schemas: schemas.or(resolved.schema_rules),
            ttl_ms: resolved.message_ttl_ms,
            expires_ms: resolved.expires_ms,
            max_length: resolved.max_length,
            max_length_bytes: resolved.max_length_bytes,
            overflow: match resolved.overflow {
                anymq_catalog::args::queue::Overflow::DropHead => Overflow::DropHead,
                anymq_catalog::args::queue::Overflow::RejectPublish => Overflow::RejectPublish,
                anymq_catalog::args::queue::Overflow::RejectPublishDlx => Overflow::RejectPublishDlx,
            },
            dead_letter_exchange: resolved.dead_letter_exchange.clone(),
            dead_letter_routing_key: resolved
                .dead_letter_routing_key
                .as_ref()
                .map(|k| k.to_text().as_ref().into()),
            dead_letter_at_least_once: matches!(
                resolved.dead_letter_strategy,
                DeadLetterStrategy::AtLeastOnce
            ),
            max_priority: resolved.max_priority,
            single_active_consumer: resolved.single_active_consumer,
            delivery_limit: resolved.delivery_limit,
            message_groups: resolved.message_group,
            lease_ms: resolved.lease_ms,
            dedup_ms: resolved.dedup_window_ms,
            delay_ms: resolved.delay_ms,
            max_age_ms: resolved.max_age_ms,
            topic,
            consumer_timeout_ms: resolved
                .consumer_timeout_ms
                .or(Some(self.config.consumer_timeout_ms))
                .filter(|&ms| ms > 0),
        };
        if let Some(same) = self.recent_settings.iter().find(|s| ***s == settings) {
            return same.clone();
        }
        let settings = Arc::new(settings);
        if self.recent_settings.len() >= RECENT_SETTINGS_MAX {
            self.recent_settings.remove(0);
        }
        self.recent_settings.push(settings.clone());
        settings
    }
}

/// Whether what topics there are, or who may read them, is different after it.
fn concerns_topics(change: &Change) -> bool {
    match change {
        Change::QueuePut(queue) => queue.exclusive_owner.is_none(),
        Change::TopicPut(_)
        | Change::TopicDelete { .. }
        | Change::QueueDelete { .. }
        | Change::PermissionPut(_)
        | Change::PermissionDelete { .. }
        | Change::AclsPut { .. }
        | Change::AclsDelete { .. } => true,
        _ => false,
    }
}

fn check_size(change: &Change) -> Result<()> {
    let bytes = serde_json::to_vec(change).map_err(|e| Error::invalid(e.to_string()))?.len();
    if bytes > CHANGE_BYTES_MAX {
        let text = format!("a definition of {bytes} bytes is larger than {CHANGE_BYTES_MAX}");
        return Err(Error::invalid(text));
    }
    Ok(())
}

/// Distinct settings remembered for sharing.
const RECENT_SETTINGS_MAX: usize = 16;

pub(crate) fn kind_of(kind: QueueKind) -> Kind {
    match kind {
        QueueKind::Classic => Kind::Classic,
        QueueKind::Quorum => Kind::Quorum,
        QueueKind::Stream => Kind::Stream,
    }
}
