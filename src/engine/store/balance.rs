//! The balance check: *accepted = sum of states + pruned*. The counters `accepted` and `pruned` are
//! updated in the transactions that insert and delete deliveries, but independently of the rows. So
//! the equation fails if a delivery was ever lost or inserted twice.

use uuid::Uuid;

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::{
    delivery::State,
    permission::{Grant, right},
};

/// Both sides of the equation, and how far they may differ because of concurrent writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub accepted: i64,
    pub pruned: i64,
    /// Number of deliveries in each state, in the order of [`State::ALL`].
    pub states: Vec<(State, i64)>,
    /// Tolerance: rows inserted or deleted while other rows were being counted may or may not be
    /// included, so the right side may be too large by `max_over` or too small by `max_under`. Both
    /// are zero if everything was counted in one statement, or nothing changed meanwhile.
    pub max_over: i64,
    pub max_under: i64,
}

impl Balance {
    /// The deliveries that are accounted for: in any state, or pruned.
    pub fn sum(&self) -> i64 {
        self.states.iter().map(|(_, count)| count).sum::<i64>() + self.pruned
    }

    pub fn holds(&self) -> bool {
        let surplus = self.sum() - self.accepted;
        (-self.max_under..=self.max_over).contains(&surplus)
    }

    pub fn of(&self, state: State) -> i64 {
        self.states.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
    }
}

/// Adds to a counter. The counter is sharded: each process uses one shard, so that commits of
/// different nodes rarely wait for the same row lock.
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

/// Counts deliveries that this transaction inserted.
pub(super) async fn accepted(conn: &mut Conn, deliveries: usize, shard: i64) -> Result<(), Error> {
    count(conn, "accepted", shard, i64::try_from(deliveries).unwrap_or(i64::MAX)).await
}

/// Counts deliveries that retention deleted in this transaction.
pub(super) async fn pruned(conn: &mut Conn, deliveries: u64, shard: i64) -> Result<(), Error> {
    count(conn, "pruned", shard, i64::try_from(deliveries).unwrap_or(i64::MAX)).await
}

/// Writes a counter row without changing its value: a probe whether the database accepts writes.
pub(super) async fn touch(conn: &mut Conn, shard: i64) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO counters (name, shard, value) VALUES ('pruned', $1, 0)
         ON CONFLICT (name, shard) DO UPDATE SET value = counters.value",
    ).bind(shard).execute(c).await.map(drop))?;
    Ok(())
}

/// Rows counted per statement. A long read keeps SQLite from checkpointing its WAL past the read's
/// snapshot, so reads stay short.
const CHUNK: i64 = 10_000;

/// Reads both sides. The newest [`CHUNK`] rows are counted in the same statement as the counters,
/// so both come from one snapshot. Older rows are counted before that, a chunk at a time. Rows that
/// are inserted or deleted among them meanwhile show in the counters and widen the tolerance.
pub async fn read(conn: &mut Conn, _by: &Grant<right::SystemRead>) -> Result<Balance, Error> {
    let boundary: Option<(Uuid,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id FROM deliveries WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2",
    ).bind(Uuid::max()).bind(CHUNK).fetch_optional(c).await)?;
    let boundary = boundary.map_or(Uuid::nil(), |(boundary,)| boundary);
    let before = Counts::read(conn, boundary).await?;
    let mut older = Counts::default();
    let mut low = Uuid::nil();
    while low < boundary {
        conn.restart_read_timer().await?;
        let next: Option<(Uuid,)> = on_db!(conn, c => sqlx::query_as(
            "SELECT id FROM deliveries WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3",
        ).bind(low).bind(boundary).bind(CHUNK).fetch_optional(c).await)?;
        let high = next.map_or(boundary, |(next,)| next);
        let counted: Vec<(String, i64)> = on_db!(conn, c => sqlx::query_as(
            "SELECT state, COUNT(*) FROM deliveries WHERE id >= $1 AND id < $2 GROUP BY state",
        ).bind(low).bind(high).fetch_all(c).await)?;
        older.0.extend(counted);
        low = high;
    }
    let after =
        if boundary.is_nil() { before.clone() } else { Counts::read(conn, boundary).await? };
    let newly_accepted = after.of("accepted") - before.of("accepted");
    let newly_counted = after.deliveries() - before.deliveries();
    Ok(Balance {
        accepted: after.of("accepted"),
        pruned: after.of("pruned"),
        states: State::ALL
            .iter()
            .map(|state| (*state, after.of(state.key()) + older.of(state.key())))
            .collect(),
        max_over: after.of("pruned") - before.of("pruned"),
        max_under: (newly_accepted - newly_counted).max(0),
    })
}

/// Counts by name: of a counter, or of the deliveries in a state. A name may occur several times.
#[derive(Clone, Default)]
struct Counts(Vec<(String, i64)>);

impl Counts {
    fn of(&self, name: &str) -> i64 {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, count)| count).sum()
    }

    /// The counters, and the deliveries per state from the id `from` on, in one snapshot.
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
