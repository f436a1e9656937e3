//! Hints between the nodes that share a PostgreSQL: "these hooks have something to do", "these hooks changed". Only
//! hints: what they say is in the database too, and is found without them a little later. They travel outside of any
//! transaction and never more often than [`QUIET`], because every NOTIFY takes a lock that all commits share. One of the
//! four files that may know which engine it is.

use std::{collections::HashSet, time::Duration};

use sqlx::postgres::PgListener;

use super::{db::Db, error::Error};
use crate::domain::id::HookId;

/// The shortest time between two hints of a node.
pub const QUIET: Duration = Duration::from_millis(50);

const CHANNEL: &str = "service_hooks";
/// Hooks a hint can name; NOTIFY takes 8,000 bytes at most.
const NAMED: usize = 200;

/// What a hint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Something of these hooks is waiting.
    More(Vec<HookId>),
    Changed(Vec<HookId>),
    /// The connection was cut and is there again: what was said meanwhile is lost.
    Missed,
}

/// Hears the hints of other nodes (and its own).
pub struct Ear(PgListener);

/// `None` where there are no other nodes.
pub async fn ear(db: &Db) -> Result<Option<Ear>, Error> {
    let Db::Postgres { pool, .. } = db else { return Ok(None) };
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(Some(Ear(listener)))
}

impl Ear {
    /// The next hint. Reconnects by itself.
    pub async fn hear(&mut self) -> Result<Hint, Error> {
        loop {
            let Some(notification) = self.0.try_recv().await? else { return Ok(Hint::Missed) };
            if let Some(hint) = parse(notification.payload()) {
                return Ok(hint);
            }
        }
    }
}

/// Tells all nodes.
pub async fn tell(db: &Db, more: &HashSet<HookId>, changed: &HashSet<HookId>) -> Result<(), Error> {
    let Db::Postgres { pool, .. } = db else { return Ok(()) };
    for (word, hooks) in [("more", more), ("changed", changed)] {
        let hooks: Vec<String> = hooks.iter().map(ToString::to_string).collect();
        for named in hooks.chunks(NAMED) {
            let payload = format!("{word} {}", named.join(","));
            sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(pool).await?;
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
        assert!(matches!(parse(&format!("changed {id},{id}")), Some(Hint::Changed(hooks)) if hooks.len() == 2));
        for nonsense in ["", "more", "more x", "less 1", id] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
