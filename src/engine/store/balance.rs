//! *accepted = sum of states + pruned*. The counters are written in the transactions that write the rows, but counted
//! apart from them, so that the equation can fail if a row was ever lost or made twice.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::{delivery::State, permission::Grant};

/// Both sides of the equation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub accepted: i64,
    pub pruned: i64,
    /// How many deliveries stand in each state, in the order of [`State::ALL`].
    pub states: Vec<(State, i64)>,
}

impl Balance {
    pub fn holds(&self) -> bool {
        self.accepted == self.pruned + self.states.iter().map(|(_, count)| count).sum::<i64>()
    }

    pub fn of(&self, state: State) -> i64 {
        self.states.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
    }
}

/// Adds to one of the counters. Nodes that share a database have a shard each, so that none waits for another's commit.
pub(super) async fn count(conn: &mut Conn, name: &'static str, shard: i64, by: i64) -> Result<(), Error> {
    if by == 0 {
        return Ok(());
    }
    on_db!(conn, c => sqlx::query(
        "INSERT INTO counters (name, shard, value) VALUES ($1, $2, $3)
         ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value",
    ).bind(name).bind(shard).bind(by).execute(c).await.map(drop))?;
    Ok(())
}

/// Counts deliveries that were just written.
pub(super) async fn accepted(conn: &mut Conn, deliveries: usize, shard: i64) -> Result<(), Error> {
    count(conn, "accepted", shard, i64::try_from(deliveries).unwrap_or(i64::MAX)).await
}

/// Counts deliveries that retention just removed.
pub(super) async fn pruned(conn: &mut Conn, deliveries: u64, shard: i64) -> Result<(), Error> {
    count(conn, "pruned", shard, i64::try_from(deliveries).unwrap_or(i64::MAX)).await
}

/// Writes a counter as it is: something that is written for sure and changes nothing.
pub(super) async fn touch(conn: &mut Conn, shard: i64) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO counters (name, shard, value) VALUES ('pruned', $1, 0)
         ON CONFLICT (name, shard) DO UPDATE SET value = counters.value",
    ).bind(shard).execute(c).await.map(drop))?;
    Ok(())
}

/// Reads both sides in one statement, so that both are of the same moment.
pub async fn read(conn: &mut Conn, _by: &Grant) -> Result<Balance, Error> {
    let rows: Vec<(String, i64)> = on_db!(conn, c => sqlx::query_as(
        "SELECT name, CAST(SUM(value) AS BIGINT) FROM counters GROUP BY name
         UNION ALL SELECT state, COUNT(*) FROM deliveries GROUP BY state",
    ).fetch_all(c).await)?;
    let count = |name: &str| rows.iter().find(|(known, _)| known == name).map_or(0, |(_, value)| *value);
    Ok(Balance {
        accepted: count("accepted"),
        pruned: count("pruned"),
        states: State::ALL.iter().map(|state| (*state, count(state.key()))).collect(),
    })
}
