//! Dismissals: which undelivered events a person said need not be sent, and why. A
//! dismissal cancels its deliveries in steps, each in a transaction of its own, so that the writer
//! is not kept busy. Undoing one works the same way.

use uuid::Uuid;

use super::{
    db::{Conn, on_db, padded, push_list},
    error::{Error, expect_one},
    log::{self, Search},
    notices::Notice,
};
use crate::domain::{
    delivery::State,
    dismissal::Dismissal,
    id::{DeliveryId, DismissalId, HookId},
    job::Count,
    log::AnswerGroup,
    permission::{Grant, Implies, right},
    time::Timestamp,
};

/// Deliveries of one step.
pub const STEP: i64 = 250;

#[derive(sqlx::FromRow)]
struct Row {
    id: DismissalId,
    hook_id: HookId,
    state: String,
    answer: Option<String>,
    reason: String,
    number: i64,
    created_by: String,
    created_at: Timestamp,
    undone_by: Option<String>,
    undone_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT id, hook_id, state, answer, reason, number, created_by, created_at, \
     undone_by, undone_at FROM dismissals ";

impl Row {
    fn into_dismissal(self) -> Result<Dismissal, Error> {
        let state = State::from_key(&self.state)
            .ok_or(Error::Inconsistent { table: "dismissals", column: "state" })?;
        Ok(Dismissal {
            id: self.id,
            hook: self.hook_id,
            state,
            answer: self.answer.as_deref().and_then(AnswerGroup::from_key),
            reason: self.reason,
            number: self.number,
            created_by: self.created_by,
            created_at: self.created_at,
            undone_by: self.undone_by,
            undone_at: self.undone_at,
        })
    }
}

pub async fn insert(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO dismissals (id, hook_id, state, answer, reason, number, created_by, \
         created_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
    ).bind(dismissal.id).bind(dismissal.hook).bind(dismissal.state.key())
     .bind(dismissal.answer.map(AnswerGroup::key)).bind(&dismissal.reason)
     .bind(&dismissal.created_by).bind(dismissal.created_at).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn find(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    id: DismissalId,
) -> Result<Option<Dismissal>, Error> {
    let row: Option<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id = ").push_bind(id).build_query_as().fetch_optional(c).await
    })?;
    row.map(Row::into_dismissal).transpose()
}

/// A page of dismissals, newest first. Returns one row more than `limit` when there are more.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    cursor: Option<DismissalId>,
    limit: u32,
) -> Result<Vec<Dismissal>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id < ").push_bind(cursor.unwrap_or(DismissalId(Uuid::max())));
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::into_dismissal).collect()
}

/// Where a step stopped, and how many deliveries it dismissed.
pub struct Stepped {
    /// `None`: it reached the end.
    pub cursor: Option<DeliveryId>,
    pub number: i64,
}

/// The deliveries of a hook that a dismissal is about.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    pub hook: HookId,
    pub state: State,
    pub answer: Option<AnswerGroup>,
}

impl Cause {
    fn search(self, until: Timestamp) -> Search {
        Search {
            hook: Some(self.hook),
            states: vec![self.state],
            answer: self.answer,
            tests: Some(false),
            to: Some(until),
            ..Search::default()
        }
    }
}

/// Counts what a dismissal of this cause would include.
pub async fn count(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    cause: Cause,
    until: Timestamp,
) -> Result<Count, Error> {
    let survey = log::survey(conn, &cause.search(until), &[]).await?;
    Ok(survey.counts.into_iter().next_back().unwrap_or_default())
}

/// Locks a dismissal until the transaction ends. `false`: it was undone.
pub async fn lock_open(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    id: DismissalId,
) -> Result<bool, Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE dismissals SET number = number WHERE id = $1 AND undone_at IS NULL",
    ).bind(id).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Dismisses the next deliveries of the dismissal that were accepted before `until`, unless it was
/// undone meanwhile. A delivery that was redelivered, or that its hook sends now, is left out: this
/// and the steps of a lane (see [`steps`](super::steps)) each lock a row and check its state, so
/// one of them gets it.
pub async fn step(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
    until: Timestamp,
    after: Option<DeliveryId>,
    now: Timestamp,
) -> Result<Stepped, Error> {
    let Dismissal { hook, state, answer, .. } = *dismissal;
    if !lock_open(conn, by, dismissal.id).await? {
        return Ok(Stepped { cursor: None, number: 0 });
    }
    let search = Cause { hook, state, answer }.search(until);
    let limit = u32::try_from(STEP).unwrap_or(u32::MAX);
    let (found, scanned_to) = log::next_of(conn, &search, after, limit).await?;
    let ids: Vec<DeliveryId> = found.into_iter().map(|(id, _)| id).collect();
    let lock = conn.skip_locked();
    let mut number = 0;
    for chunk in padded(&ids) {
        number += on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET state = 'cancelled', due_at = NULL, reason_before = reason, \
                 reason = ",
            );
            query.push_bind(dismissal.stored_reason()).push(", dismissal_id = ");
            query.push_bind(dismissal.id).push(", updated_at = ").push_bind(now);
            query.push(" WHERE id IN (SELECT id FROM deliveries WHERE state = ");
            query.push_bind(dismissal.state.key()).push(" AND id IN ");
            push_list!(query, &chunk);
            query.push(lock).push(")").build().execute(c).await.map(|done| done.rows_affected())
        })?;
    }
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    on_db!(conn, c => sqlx::query("UPDATE dismissals SET number = number + $2 WHERE id = $1")
        .bind(dismissal.id).bind(number).execute(c).await.map(drop))?;
    if dismissal.state == State::Held && number > 0 {
        // With ordered delivery, the lane remembers which held delivery is the head of a key.
        conn.add_notice(Notice::Changed(dismissal.hook));
    }
    Ok(Stepped { cursor: scanned_to.or(ids.last().copied()), number })
}

/// Marks a dismissal as undone.
pub async fn undo(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    id: DismissalId,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE dismissals SET undone_by = $2, undone_at = $3 WHERE id = $1",
    ).bind(id).bind(by.by()).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Brings the next deliveries of a dismissal back to the state that they had. Returns how many it
/// found. It leaves out those whose attempt is being recorded, so it is repeated until it finds
/// none.
/// Held ones need their payload: their events are locked, so that retention does not remove it
/// (lock order: events before deliveries). Their hook releases them if it is on.
pub async fn undo_step(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
    now: Timestamp,
) -> Result<i64, Error> {
    let needs_payload = dismissal.state == State::Held;
    let lock = conn.share_lock();
    let found: Vec<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(if needs_payload {
            "SELECT d.id FROM events JOIN deliveries d ON d.event_id = events.id WHERE \
             events.pruned_at IS NULL AND "
        } else {
            "SELECT d.id FROM deliveries d WHERE "
        });
        query.push(OF_DISMISSAL).push_bind(dismissal.id);
        query.push(" ORDER BY d.dismissal_id, d.id LIMIT ").push_bind(STEP);
        if needs_payload && !lock.is_empty() {
            query.push(lock).push(" OF events");
        }
        query.build_query_as().fetch_all(c).await
    })?;
    let ids: Vec<DeliveryId> = found.into_iter().map(|(id,)| id).collect();
    let lock = conn.skip_locked();
    for chunk in padded(&ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET reason = reason_before, reason_before = NULL, \
                 dismissal_id = NULL, state = ",
            );
            query.push_bind(dismissal.state.key()).push(", updated_at = ").push_bind(now);
            query.push(" WHERE id IN (SELECT d.id FROM deliveries d WHERE ").push(OF_DISMISSAL);
            query.push_bind(dismissal.id).push(" AND d.id IN ");
            push_list!(query, &chunk);
            query.push(lock).push(")").build().execute(c).await.map(drop)
        })?;
    }
    if needs_payload && !ids.is_empty() {
        conn.add_notice(Notice::Changed(dismissal.hook));
    }
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

/// Deliveries that are still dismissed by the dismissal that is bound next.
const OF_DISMISSAL: &str = "d.state = 'cancelled' AND d.dismissal_id IS NOT NULL AND \
     d.dismissal_id = ";

/// Deliveries that a dismissal still cancels.
pub async fn remaining(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    id: DismissalId,
) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c: Engine => {
        let mut query =
            sqlx::QueryBuilder::<Engine>::new("SELECT COUNT(*) FROM deliveries d WHERE ");
        query.push(OF_DISMISSAL).push_bind(id).build_query_as().fetch_one(c).await
    })?;
    Ok(count)
}

/// Whether a dismissal has a delivery that can be brought back. A held one needs its payload.
pub async fn has_restorable(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
) -> Result<bool, Error> {
    let found: Option<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(match dismissal.state {
            State::Held => {
                "SELECT d.id FROM deliveries d JOIN events e ON e.id = d.event_id WHERE \
                 e.pruned_at IS NULL AND "
            }
            _ => "SELECT d.id FROM deliveries d WHERE ",
        });
        query.push(OF_DISMISSAL).push_bind(dismissal.id).push(" LIMIT 1");
        query.build_query_as().fetch_optional(c).await
    })?;
    Ok(found.is_some())
}

/// Deliveries that arrived although a person had dismissed them meanwhile: their attempt was under
/// way. They do not count as dismissed.
pub(super) async fn arrived(conn: &mut Conn, ids: &[DismissalId]) -> Result<(), Error> {
    for id in ids {
        on_db!(conn, c => sqlx::query("UPDATE dismissals SET number = number - 1 WHERE id = $1")
            .bind(*id).execute(c).await.map(drop))?;
    }
    Ok(())
}
