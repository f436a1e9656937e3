//! A cache of the hooks that subscribe to each event type, as the writer needs it to plan an
//! accept.
//!
//! Every change of a hook or of its health increments the counter `hooks_version` in its own
//! transaction. The writer compares that counter, one small row, in every commit and reloads what
//! changed. So no accept is planned with an outdated list, on any node.

use std::collections::HashMap;

use super::{
    balance,
    db::{Conn, on_db},
    error::Error,
    notices::Notice,
};
use crate::domain::{acceptance::Acceptance, event::EventType, id::HookId};

/// A hook that subscribes to an event type.
#[derive(Clone, Debug)]
pub struct Listener {
    pub hook: HookId,
    pub acceptance: Acceptance,
    /// The payload field that holds the ordering key, if the hook has ordered delivery.
    pub order_by: Option<String>,
}

/// The cache; see the module.
#[derive(Default)]
pub struct Listeners {
    /// `hooks_version` at the last refresh; `None` before the first and after [`Self::forget`].
    version: Option<i64>,
    /// False once the hooks may have changed since the last refresh.
    is_fresh: bool,
    by_event: HashMap<EventType, Vec<Listener>>,
}

impl Listeners {
    pub(super) fn of(&self, event: EventType) -> &[Listener] {
        self.by_event.get(&event).map_or(&[], Vec::as_slice)
    }

    /// `hooks_version` at the last refresh; `None` if a refresh is needed.
    pub(super) fn version(&self) -> Option<i64> {
        self.version.filter(|_| self.is_fresh)
    }

    /// Marks the cache as possibly outdated. The next refresh compares versions.
    pub(super) fn mark_stale(&mut self) {
        self.is_fresh = false;
    }

    /// Discards the cache. Needed when it may have been read in a transaction that was rolled back.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Brings the cache up to date and loads only the hooks that changed.
    pub(super) async fn refresh(&mut self, conn: &mut Conn) -> Result<(), Error> {
        let version = version(conn).await?;
        if self.version == Some(version) {
            self.is_fresh = true;
            return Ok(());
        }
        if let Some(known_version) = self.version {
            let changed = changed_since(conn, known_version).await?;
            // A node of the previous version increments the counter without numbering the hook.
            // Then everything is reloaded.
            if changed.iter().any(|row| row.changed >= version) {
                self.apply(changed, version);
                return Ok(());
            }
        }
        let all = changed_since(conn, -1).await?;
        self.by_event.clear();
        self.apply(all, version);
        Ok(())
    }

    fn apply(&mut self, rows: Vec<Row>, version: i64) {
        for row in rows {
            for listeners in self.by_event.values_mut() {
                listeners.retain(|listener| listener.hook != row.id);
            }
            if row.is_deleted {
                continue;
            }
            // A newer version, on another node or before a downgrade, may know more event types.
            // This version never emits them.
            let Some(event_type) = EventType::from_key(&row.event_type) else {
                tracing::error!(
                    hook.id = %row.id, event_type = row.event_type,
                    "a hook is for an event that this version does not know: this server sends it \
                     nothing"
                );
                continue;
            };
            let acceptance = match (row.enabled, row.is_paused) {
                (false, _) => Acceptance::Off,
                (true, true) => Acceptance::Paused,
                (true, false) => Acceptance::Open,
            };
            let listeners = self.by_event.entry(event_type).or_default();
            let place = listeners.partition_point(|listener| listener.hook < row.id);
            listeners.insert(place, Listener { hook: row.id, acceptance, order_by: row.order_by });
        }
        (self.version, self.is_fresh) = (Some(version), true);
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: HookId,
    event_type: String,
    enabled: bool,
    order_by: Option<String>,
    is_paused: bool,
    is_deleted: bool,
    changed: i64,
}

/// Hooks that changed after `known_version`; with a negative one, all hooks that are not deleted.
async fn changed_since(conn: &mut Conn, known_version: i64) -> Result<Vec<Row>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT h.id, h.event_type, h.enabled, h.order_by, h.changed,
                CASE WHEN s.paused_at IS NULL THEN FALSE ELSE TRUE END AS is_paused,
                CASE WHEN h.deleted_at IS NULL THEN FALSE ELSE TRUE END AS is_deleted
         FROM hooks h LEFT JOIN health s ON s.hook_id = h.id
         WHERE h.changed > $1 AND (h.deleted_at IS NULL OR $1 >= 0) ORDER BY h.id",
    ).bind(known_version).fetch_all(c).await)?)
}

/// The counter `hooks_version`: it grows whenever a hook or its health changes.
pub(in crate::engine) async fn version(conn: &mut Conn) -> Result<i64, Error> {
    let (version,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0",
    ).fetch_one(c).await)?;
    Ok(version)
}

/// Records a change of a hook or its health. Every function that changes one must call this in the
/// same transaction, before it locks any other row. Then nodes that change hooks queue for the
/// counter row, instead of deadlocking on each other's rows. (A new hook's row may be inserted
/// first: no other node knows it yet.)
///
/// The hook is stamped with the new counter value, so that [`Listeners`] can load only what
/// changed.
pub(super) async fn changed(conn: &mut Conn, hook: HookId) -> Result<(), Error> {
    conn.add_notice(Notice::Changed(hook));
    balance::count(conn, "hooks_version", 0, 1).await?;
    on_db!(conn, c => sqlx::query(
        "UPDATE hooks SET changed = (SELECT value FROM counters WHERE name = 'hooks_version' AND \
         shard = 0) WHERE id = $1",
    ).bind(hook).execute(c).await.map(drop))?;
    Ok(())
}
