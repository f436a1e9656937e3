//! Hints over PostgreSQL's LISTEN and NOTIFY.

use std::{collections::HashSet, time::Duration};

use sqlx::{
    Executor,
    pool::PoolOptions,
    postgres::{PgListener, Postgres},
};

use super::Hint;
use crate::{
    domain::id::HookId,
    engine::store::{
        db::{Conn, Db},
        error::Error,
    },
};

const CHANNEL: &str = "service_hooks";
/// Most hooks in one payload; NOTIFY allows 8,000 bytes.
const MAX_HOOKS_PER_HINT: usize = 200;

/// Timeout for a reply of the server.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// After this time without a hint, the connection is checked.
const PING_AFTER: Duration = Duration::from_secs(30);

/// Receives hints from all nodes, including this one.
pub struct HintListener(PgListener);

/// Starts listening; `None` on SQLite, which has no other nodes. The connection has a pool of its
/// own, so that slow readers cannot delay a reconnect.
pub async fn listen(db: &Db) -> Result<Option<HintListener>, Error> {
    let pool = match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite { .. } => return Ok(None),
        Db::Postgres { pool, .. } => pool,
    };
    let options = (*pool.connect_options()).clone();
    let own =
        PoolOptions::<Postgres>::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let own = own.acquire_timeout(REPLY_TIMEOUT).connect_lazy_with(options);
    let connect = async {
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(HintListener(listener)))
    };
    tokio::time::timeout(REPLY_TIMEOUT, connect).await.unwrap_or_else(|_| Err(Error::timed_out()))
}

impl HintListener {
    /// Waits for the next hint. Reconnects automatically.
    pub async fn receive(&mut self) -> Result<Hint, Error> {
        loop {
            let Ok(received) = tokio::time::timeout(PING_AFTER, self.0.try_recv()).await else {
                self.ping().await?;
                continue;
            };
            let Some(notification) = received? else { return Ok(Hint::Missed) };
            if let Some(hint) = parse(notification.payload()) {
                return Ok(hint);
            }
        }
    }

    /// Checks the connection. A peer can vanish without closing it, and then no hint would ever
    /// arrive again.
    async fn ping(&mut self) -> Result<(), Error> {
        let pinged = tokio::time::timeout(REPLY_TIMEOUT, self.0.execute("SELECT 1")).await;
        pinged.map_err(|_| Error::timed_out())?.map(drop).map_err(Error::from)
    }
}

/// Sends hints to all nodes, on a connection of its own that is opened when first needed.
pub struct HintSender {
    db: Db,
    conn: Option<Conn>,
}

impl HintSender {
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone(), conn: None }
    }

    pub async fn send(
        &mut self,
        more: &HashSet<HookId>,
        changed: &HashSet<HookId>,
    ) -> Result<(), Error> {
        if !self.db.is_postgres() {
            return Ok(());
        }
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.db.connect_unpooled().await?,
        };
        let sent = tokio::time::timeout(REPLY_TIMEOUT, notify(&mut conn, more, changed)).await;
        sent.unwrap_or_else(|_| Err(Error::timed_out()))?;
        self.conn = Some(conn);
        Ok(())
    }
}

async fn notify(
    conn: &mut Conn,
    more: &HashSet<HookId>,
    changed: &HashSet<HookId>,
) -> Result<(), Error> {
    let Some(connection) = conn.postgres() else { return Ok(()) };
    for (kind, hooks) in [("more", more), ("changed", changed)] {
        let hooks: Vec<String> = hooks.iter().map(ToString::to_string).collect();
        for named in hooks.chunks(MAX_HOOKS_PER_HINT) {
            let payload = format!("{kind} {}", named.join(","));
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(payload)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

fn parse(payload: &str) -> Option<Hint> {
    let (kind, hooks) = payload.split_once(' ')?;
    let hooks = hooks.split(',').map(str::parse).collect::<Result<Vec<HookId>, _>>().ok()?;
    match kind {
        "more" => Some(Hint::More(hooks)),
        "changed" => Some(Hint::Changed(hooks)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_is_not_a_hint_is_ignored() {
        let id = "0190a3c2-7b3e-7000-8000-000000000001";
        assert_eq!(parse(&format!("more {id}")), Some(Hint::More(vec![id.parse().unwrap()])));
        assert!(matches!(parse(&format!("changed {id},{id}")),
                Some(Hint::Changed(hooks)) if hooks.len() == 2));
        for payload in ["", "more", "more x", "less 1", id] {
            assert_eq!(parse(payload), None, "{payload}");
        }
    }
}
