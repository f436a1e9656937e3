//! *accepted = sum of states + pruned*. The counters are written in the transactions that write the
//! rows, but counted apart from them, so that the equation can fail if a row was ever lost or made
//! twice.

use uuid::Uuid;

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
    /// Of the rows that came and went while the others were counted, some may be counted and some
    /// not: by as much may the sum be too large or too small. Both are zero where everything was
    /// counted at one moment, or nothing moved.
    pub at_most_over: i64,
    pub at_most_under: i64,
}

impl Balance {
    pub fn holds(&self) -> bool {
        let sum = self.states.iter().map(|(_, count)| count).sum::<i64>();
        let over = sum + self.pruned - self.accepted;
        (-self.at_most_under..=self.at_most_over).contains(&over)
    }

    pub fn of(&self, state: State) -> i64 {
        self.states.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
    }
}

/// Adds to one of the counters. Nodes that share a database have a shard each, so that none waits
/// for another's commit.
pub(super) async fn count(
    conn: &mut Conn,
    name: &'static str,
    shard: i64,
    by: i64,
) -> Result<(), Error> {
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

/// Rows that one statement counts. For as long as a statement reads, a SQLite's log cannot be
/// written back past its moment.
const LOOK: i64 = 10_000;

/// Reads both sides. The newest rows are counted in one statement with the counters, so that both
/// are of the same moment; those below before that, a part at a time: of them none is added any
/// more, and what is removed is counted.
pub async fn read(conn: &mut Conn, _by: &Grant) -> Result<Balance, Error> {
    let edge: Option<(Uuid,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id FROM deliveries WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2",
    ).bind(Uuid::max()).bind(LOOK).fetch_optional(c).await)?;
    let edge = edge.map_or(Uuid::nil(), |(edge,)| edge);
    let begin = Newest::read(conn, edge).await?;
    let mut older = Counts::default();
    let mut low = Uuid::nil();
    while low < edge {
        conn.renew().await?;
        let end: Option<(Uuid,)> = on_db!(conn, c => sqlx::query_as(
            "SELECT id FROM deliveries WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3",
        ).bind(low).bind(edge).bind(LOOK).fetch_optional(c).await)?;
        let high = end.map_or(edge, |(end,)| end);
        let counted: Vec<(String, i64)> = on_db!(conn, c => sqlx::query_as(
            "SELECT state, COUNT(*) FROM deliveries WHERE id >= $1 AND id < $2 GROUP BY state",
        ).bind(low).bind(high).fetch_all(c).await)?;
        older.0.extend(counted);
        low = high;
    }
    let end = if edge.is_nil() { begin.clone() } else { Newest::read(conn, edge).await? };
    let came = end.of("accepted") - begin.of("accepted");
    let came_above = end.deliveries() - begin.deliveries();
    Ok(Balance {
        accepted: end.of("accepted"),
        pruned: end.of("pruned"),
        states: State::ALL
            .iter()
            .map(|state| (*state, end.of(state.key()) + older.of(state.key())))
            .collect(),
        at_most_over: end.of("pruned") - begin.of("pruned"),
        at_most_under: (came - came_above).max(0),
    })
}

/// Numbers by name.
#[derive(Clone, Default)]
struct Counts(Vec<(String, i64)>);

impl Counts {
    fn of(&self, name: &str) -> i64 {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, count)| count).sum()
    }
}

/// The counters, and the states of the newest deliveries.
type Newest = Counts;

impl Newest {
    async fn read(conn: &mut Conn, from: Uuid) -> Result<Self, Error> {
        Ok(Self(on_db!(conn, c => sqlx::query_as(
            "SELECT name, CAST(SUM(value) AS BIGINT) FROM counters GROUP BY name
             UNION ALL SELECT state, COUNT(*) FROM deliveries WHERE id >= $1 GROUP BY state",
        ).bind(from).fetch_all(c).await)?))
    }

    fn deliveries(&self) -> i64 {
        State::ALL.iter().map(|state| self.of(state.key())).sum()
    }
}
