//! What has not arrived and needs a person: failed and skipped deliveries that were not redelivered
//! or dismissed, and those that an off or paused hook holds. Tests are not counted.

use super::{Place, Search, Span, bound_span, scan, select, survey};
use crate::{
    domain::{
        delivery::State,
        id::{HookId, time_of},
        log::AnswerGroup,
        permission::{Grant, right},
        time::Timestamp,
        words::MANY,
    },
    engine::store::{
        db::{Conn, on_db},
        deliveries::Row,
        error::Error,
    },
};

/// The undelivered events of a hook with the same state and, if failed, the same last answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    pub hook: HookId,
    pub state: State,
    /// `None`: any. Only what failed is told apart by the answer.
    pub answer: Option<AnswerGroup>,
    pub count: i64,
    /// When the first and the last were accepted.
    pub ends: Option<(Timestamp, Timestamp)>,
    /// Waiting deliveries of the same hook, which are retried automatically: up to [`MANY`] and
    /// one.
    pub retrying: i64,
}

const STATES: &[State] = &[State::Failed, State::Skipped, State::Held];

/// All undelivered events by hook, within the limit of a [`Survey`](super::Survey).
pub async fn undelivered(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
) -> Result<Vec<Undelivered>, Error> {
    let hooks: Vec<(HookId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT h.id FROM hooks h WHERE h.deleted_at IS NULL AND (
           (SELECT d.id FROM deliveries d WHERE d.state NOT IN ('delivered', 'pending') AND \
           d.hook_id = h.id
              AND d.state = 'failed' ORDER BY d.hook_id, d.state, d.id LIMIT 1) IS NOT NULL OR
           (SELECT d.id FROM deliveries d WHERE d.state NOT IN ('delivered', 'pending') AND \
           d.hook_id = h.id
              AND d.state = 'skipped' ORDER BY d.hook_id, d.state, d.id LIMIT 1) IS NOT NULL OR
           (SELECT d.id FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'held'
              ORDER BY d.hook_id, d.id LIMIT 1) IS NOT NULL)
         ORDER BY h.id",
    ).fetch_all(c).await)?;
    let mut found: Vec<Undelivered> = Vec::new();
    for (hook,) in hooks {
        let retrying = count_waiting(conn, hook).await?;
        for (state, answer, count) in parts(conn, hook).await? {
            let search = of_part(hook, state, answer);
            let ends = ends(conn, &search).await?;
            found.push(Undelivered { hook, state, answer, count, ends, retrying });
        }
    }
    Ok(found)
}

fn of_part(hook: HookId, state: State, answer: Option<AnswerGroup>) -> Search {
    let states = vec![state];
    Search { hook: Some(hook), states, answer, tests: Some(false), ..Search::default() }
}

/// Counts the states of a hook; what failed by its last answer.
async fn parts(
    conn: &mut Conn,
    hook: HookId,
) -> Result<Vec<(State, Option<AnswerGroup>, i64)>, Error> {
    let search = Search { states: STATES.to_vec(), ..of_part(hook, State::Failed, None) };
    let counts = survey(conn, &search, &[]).await?.counts;
    let mut parts: Vec<(State, Option<AnswerGroup>, i64)> = Vec::new();
    for (state, answer, count) in counts.into_iter().flat_map(|count| count.parts) {
        let answer = (state == State::Failed).then_some(answer);
        match parts.iter_mut().find(|part| (part.0, part.1) == (state, answer)) {
            Some(part) => part.2 += count,
            None => parts.push((state, answer, count)),
        }
    }
    Ok(parts)
}

/// When the first and the last match were accepted; `None` if they are too far into the index.
async fn ends(conn: &mut Conn, search: &Search) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    let scans = scan::scans(search, None);
    let whole = Span::of(search, Place::Newest);
    let mut ends = [None, None];
    for (end, is_ascending) in ends.iter_mut().zip([true, false]) {
        let whole = Span { is_ascending, ..whole };
        let (span, _) = bound_span(conn, search, &scans, whole, super::SCAN_LIMIT).await?;
        let rows: Vec<Row> = select(conn, search, &scans, span, 1).await?;
        *end = rows.first().map(|row| time_of(row.ids().0.0));
    }
    Ok(ends[0].zip(ends[1]))
}

async fn count_waiting(conn: &mut Conn, hook: HookId) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'waiting' \
         LIMIT $2) AS counted",
    ).bind(hook).bind(MANY + 1).fetch_one(c).await)?;
    Ok(count)
}

/// The number of undelivered events of all hooks, up to `most` for each hook and state: for the
/// navigation of every page.
pub async fn count_undelivered(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    most: i64,
) -> Result<i64, Error> {
    let counts: Vec<(i64, i64, i64)> = on_db!(conn, c => sqlx::query_as(
        "SELECT
           (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.state NOT IN ('delivered', \
            'pending') AND d.hook_id = h.id AND d.state = 'failed' AND NOT d.is_test LIMIT $1) \
            AS f),
           (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.state NOT IN ('delivered', \
            'pending') AND d.hook_id = h.id AND d.state = 'skipped' AND NOT d.is_test LIMIT $1) \
            AS s),
           (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state = \
            'held' LIMIT $1) AS w)
         FROM hooks h WHERE h.deleted_at IS NULL",
    ).bind(most).fetch_all(c).await)?;
    Ok(counts.into_iter().map(|(failed, skipped, held)| failed + skipped + held).sum())
}
