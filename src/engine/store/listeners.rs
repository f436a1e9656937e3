//! Which hooks listen to which event, as an accept needs it. The writer keeps it in memory and asks
//! in every commit whether it is still true: one small row says so, because every change of a hook
//! or of its health moves a counter in its own transaction. So no accept ever plans with an old
//! list, whichever node changed it.

use std::collections::HashMap;

use super::{
    balance,
    db::{Conn, on_db},
    error::Error,
    told::Told,
};
use crate::domain::{acceptance::Acceptance, event::EventType, id::HookId};

/// One hook that listens.
#[derive(Clone, Debug)]
pub struct Listener {
    pub hook: HookId,
    pub acceptance: Acceptance,
    /// The body's member by which deliveries are kept in order.
    pub order_by: Option<String>,
}

/// See the module.
#[derive(Default)]
pub struct Listeners {
    /// Of the hooks' counter when this was read; `None`: never, or it is not known what was read.
    version: Option<i64>,
    /// Nothing is known of a change since then.
    is_fresh: bool,
    by_event: HashMap<EventType, Vec<Listener>>,
}

impl Listeners {
    pub(super) fn of(&self, event: EventType) -> &[Listener] {
        self.by_event.get(&event).map_or(&[], Vec::as_slice)
    }

    /// Of the hooks' counter when these were read; `None`: they are to be read again.
    pub(super) fn version(&self) -> Option<i64> {
        self.version.filter(|_| self.is_fresh)
    }

    /// They may have changed since they were read.
    pub(super) fn distrust(&mut self) {
        self.is_fresh = false;
    }

    /// They were perhaps read in a transaction that failed: then they were never true.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Reads again what changed since the last commit, and only that.
    pub(super) async fn refresh(&mut self, conn: &mut Conn) -> Result<(), Error> {
        let version = version(conn).await?;
        if self.version == Some(version) {
            self.is_fresh = true;
            return Ok(());
        }
        if let Some(seen) = self.version {
            let changed = rows(conn, seen).await?;
            // A server of the version before changes hooks without a number; then everything is
            // read.
            if changed.iter().any(|row| row.changed >= version) {
                self.apply(changed, version);
                return Ok(());
            }
        }
        let all = rows(conn, -1).await?;
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
            // A newer version, on another server or before a downgrade, may know more events. This
            // one emits none of them.
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

/// What changed after `seen`; everything that is not deleted when that is less than nothing.
async fn rows(conn: &mut Conn, seen: i64) -> Result<Vec<Row>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT h.id, h.event_type, h.enabled, h.order_by, h.changed,
                CASE WHEN s.paused_at IS NULL THEN FALSE ELSE TRUE END AS is_paused,
                CASE WHEN h.deleted_at IS NULL THEN FALSE ELSE TRUE END AS is_deleted
         FROM hooks h LEFT JOIN health s ON s.hook_id = h.id
         WHERE h.changed > $1 AND (h.deleted_at IS NULL OR $1 >= 0) ORDER BY h.id",
    ).bind(seen).fetch_all(c).await)?)
}

/// Moves whenever a hook or its health changes.
pub(in crate::engine) async fn version(conn: &mut Conn) -> Result<i64, Error> {
    let (version,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0",
    ).fetch_one(c).await)?;
    Ok(version)
}

/// To be called by whatever changes a hook or its health, in the same transaction, and before it
/// locks any other row: so two servers that change hooks go one after the other, instead of each
/// waiting for a row of the other's. (A new hook's row comes first: no other server knows it.) The
/// hook gets the number of this change: so it can be asked what changed.
pub(super) async fn changed(conn: &mut Conn, hook: HookId) -> Result<(), Error> {
    conn.tell(Told::Changed(hook));
    balance::count(conn, "hooks_version", 0, 1).await?;
    on_db!(conn, c => sqlx::query(
        "UPDATE hooks SET changed = (SELECT value FROM counters WHERE name = 'hooks_version' AND \
         shard = 0) WHERE id = $1",
    ).bind(hook).execute(c).await.map(drop))?;
    Ok(())
}
