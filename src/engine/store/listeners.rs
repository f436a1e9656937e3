//! Which hooks listen to which event, as an accept needs it. The writer keeps it in memory and asks in every commit
//! whether it is still true: one small row says so, because every change of a hook or of its health moves a counter in
//! its own transaction. So no accept ever plans with an old list, whichever node changed it.

use std::collections::HashMap;

use super::{
    balance,
    db::{Conn, on_db},
    error::Error,
    told::Told,
};
use crate::domain::{event::EventType, id::HookId};

/// How a hook stands towards a new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// It is sent at once.
    Open,
    /// The breaker waits for the receiver: it is held.
    Paused,
    /// A person or the portal switched it off: it is skipped.
    Off,
}

/// One hook that listens.
#[derive(Clone, Debug)]
pub struct Listener {
    pub hook: HookId,
    pub stance: Stance,
    /// The body's member by which deliveries are kept in order.
    pub order_by: Option<String>,
}

/// See the module.
#[derive(Default)]
pub struct Listeners {
    /// Of the hooks' counter when this was read; `None`: never, or it cannot be trusted.
    version: Option<i64>,
    by_event: HashMap<EventType, Vec<Listener>>,
}

impl Listeners {
    pub(super) fn of(&self, event: EventType) -> &[Listener] {
        self.by_event.get(&event).map_or(&[], Vec::as_slice)
    }

    /// Of the hooks' counter when these were read; `None`: they are not known.
    pub(super) fn version(&self) -> Option<i64> {
        self.version
    }

    /// They may have changed; and what was read in a transaction that failed was never true.
    pub(super) fn distrust(&mut self) {
        self.version = None;
    }

    /// Reads again what changed since the last commit.
    pub(super) async fn refresh(&mut self, conn: &mut Conn) -> Result<(), Error> {
        let version = version(conn).await?;
        if self.version == Some(version) {
            return Ok(());
        }
        let rows: Vec<(HookId, String, bool, Option<String>, bool)> = on_db!(conn, c => sqlx::query_as(
            "SELECT h.id, h.event_type, h.enabled, h.order_by, CASE WHEN s.paused_at IS NULL THEN FALSE ELSE TRUE END
             FROM hooks h LEFT JOIN health s ON s.hook_id = h.id WHERE h.deleted_at IS NULL ORDER BY h.id",
        ).fetch_all(c).await)?;
        self.by_event.clear();
        for (hook, event_type, enabled, order_by, is_paused) in rows {
            let event_type =
                EventType::from_key(&event_type).ok_or(Error::Inconsistent { table: "hooks", column: "event_type" })?;
            let stance = match (enabled, is_paused) {
                (false, _) => Stance::Off,
                (true, true) => Stance::Paused,
                (true, false) => Stance::Open,
            };
            self.by_event.entry(event_type).or_default().push(Listener { hook, stance, order_by });
        }
        self.version = Some(version);
        Ok(())
    }
}

/// Moves whenever a hook or its health changes.
pub(in crate::engine) async fn version(conn: &mut Conn) -> Result<i64, Error> {
    let (version,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0",
    ).fetch_one(c).await)?;
    Ok(version)
}

/// To be called by whatever changes a hook or its health, in the same transaction, and before it locks any other row: so
/// two servers that change hooks go one after the other, instead of each waiting for a row of the other's.
pub(super) async fn changed(conn: &mut Conn, hook: HookId) -> Result<(), Error> {
    conn.tell(Told::Changed(hook));
    balance::count(conn, "hooks_version", 0, 1).await
}
