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
/// Hooks a hint can name; NOTIFY takes 8,000 bytes at most.
const HOOKS_PER_HINT: usize = 200;

/// How long the other end may take to answer.
const ANSWER: Duration = Duration::from_secs(3);
/// After so long without a hint, check whether the connection is still alive.
const CHECK_AFTER: Duration = Duration::from_secs(30);

/// Hears the hints of other nodes (and its own).
pub struct Ear(PgListener);

/// Listens for hints; `None` where there are no other nodes. The connection has a pool of its own,
/// so that slow readers cannot delay a reconnect.
pub async fn ear(db: &Db) -> Result<Option<Ear>, Error> {
    let pool = match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite { .. } => return Ok(None),
        Db::Postgres { pool, .. } => pool,
    };
    let options = (*pool.connect_options()).clone();
    let own =
        PoolOptions::<Postgres>::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let own = own.acquire_timeout(ANSWER).connect_lazy_with(options);
    let listen = async {
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Ear(listener)))
    };
    tokio::time::timeout(ANSWER, listen).await.unwrap_or_else(|_| Err(Error::silent()))
}

impl Ear {
    /// The next hint. Reconnects by itself.
    pub async fn hear(&mut self) -> Result<Hint, Error> {
        loop {
            let Ok(heard) = tokio::time::timeout(CHECK_AFTER, self.0.try_recv()).await else {
                self.check().await?;
                continue;
            };
            let Some(notification) = heard? else { return Ok(Hint::Missed) };
            if let Some(hint) = parse(notification.payload()) {
                return Ok(hint);
            }
        }
    }

    /// A peer can vanish without closing the connection: without this check, no hint would ever
    /// come again.
    async fn check(&mut self) -> Result<(), Error> {
        let asked = tokio::time::timeout(ANSWER, self.0.execute("SELECT 1")).await;
        asked.map_err(|_| Error::silent())?.map(drop).map_err(Error::from)
    }
}

/// Tells all nodes, on a connection of its own that is made when there is something to say.
pub struct Voice {
    db: Db,
    conn: Option<Conn>,
}

impl Voice {
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone(), conn: None }
    }

    pub async fn tell(
        &mut self,
        more: &HashSet<HookId>,
        changed: &HashSet<HookId>,
    ) -> Result<(), Error> {
        if !self.db.is_postgres() {
            return Ok(());
        }
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.db.own().await?,
        };
        let said = tokio::time::timeout(ANSWER, say(&mut conn, more, changed)).await;
        said.unwrap_or_else(|_| Err(Error::silent()))?;
        self.conn = Some(conn);
        Ok(())
    }
}

async fn say(
    conn: &mut Conn,
    more: &HashSet<HookId>,
    changed: &HashSet<HookId>,
) -> Result<(), Error> {
    let Some(connection) = conn.postgres() else { return Ok(()) };
    for (word, hooks) in [("more", more), ("changed", changed)] {
        let hooks: Vec<String> = hooks.iter().map(ToString::to_string).collect();
        for named in hooks.chunks(HOOKS_PER_HINT) {
            let payload = format!("{word} {}", named.join(","));
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
    let (word, hooks) = payload.split_once(' ')?;
    let hooks = hooks.split(',').map(str::parse).collect::<Result<Vec<HookId>, _>>().ok()?;
    match word {
        "more" => Some(Hint::More(hooks)),
        "changed" => Some(Hint::Changed(hooks)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_hint_is_none() {
        let id = "0190a3c2-7b3e-7000-8000-000000000001";
        assert_eq!(parse(&format!("more {id}")), Some(Hint::More(vec![id.parse().unwrap()])));
        assert!(matches!(parse(&format!("changed {id},{id}")),
                Some(Hint::Changed(hooks)) if hooks.len() == 2));
        for nonsense in ["", "more", "more x", "less 1", id] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
