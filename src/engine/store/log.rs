//! The log of deliveries: any filter, newest first, a page at a time. A page costs the same
//! wherever it is: it walks along indexes that are in the log's order already, and where no index
//! fits it looks at so many rows and says how far it came.

mod survey;
mod walk;

pub use survey::Survey;
pub(super) use survey::survey;
use uuid::Uuid;

use super::{
    db::{Conn, on_db},
    deliveries::{Row, SELECT},
    error::Error,
};
use crate::domain::{
    delivery::{Delivery, State},
    event::EventType,
    id::{DeliveryId, EventId, HookId, first_at},
    job::Scope,
    log::AnswerGroup,
    permission::Grant,
    time::Timestamp,
};
use walk::{Walk, push_between, push_page, push_rest, push_walk};

/// Rows that a page looks at where no index fits its filter.
const LOOK: i64 = 10_000;
/// The same for a step of a job, which is a command of the writer.
const LOOK_OF_JOBS: i64 = 2_000;
/// First attempts on their way that are listed one by one; where there are more, they are not hard
/// to find.
const FEW: i64 = 256;

/// Which deliveries are looked for. Everything is optional.
#[derive(Clone, Debug, Default)]
pub struct Search {
    pub hook: Option<HookId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// Any, when there is none.
    pub states: Vec<State>,
    pub answer: Option<AnswerGroup>,
    /// Only tests, or none.
    pub tests: Option<bool>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl From<&Scope> for Search {
    /// Only settled deliveries, and never tests.
    fn from(scope: &Scope) -> Self {
        Self {
            hook: scope.hook,
            event: scope.event,
            event_type: scope.event_type,
            states: scope.states.iter().copied().filter(|state| state.is_final()).collect(),
            answer: scope.answer,
            tests: Some(false),
            from: scope.from,
            to: scope.to,
        }
    }
}

/// Where in the log a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Newest,
    /// Older than this one.
    Before(DeliveryId),
    /// Newer than this one, and next to it.
    After(DeliveryId),
}

/// A page of the log.
#[derive(Debug, Default)]
pub struct Found {
    /// Newest first; one more than asked for when there is more.
    pub rows: Vec<Delivery>,
    /// The page is short because it looked no further than here; there may be more beyond.
    pub looked: Option<DeliveryId>,
}

/// Ids from `low` up to but without `high`, and from which end.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: Uuid,
    high: Uuid,
    is_rising: bool,
}

impl Span {
    fn of(search: &Search, place: Place) -> Self {
        let mut low = search.from.map_or(Uuid::nil(), first_at);
        let mut high = search.to.map_or(Uuid::max(), first_at);
        match place {
            Place::Newest => {}
            Place::Before(id) => high = high.min(id.0),
            Place::After(id) => low = low.max(Uuid::from_u128(id.0.as_u128().saturating_add(1))),
        }
        Self { low, high, is_rising: matches!(place, Place::After(_)) }
    }

    /// Not beyond `id`, which is in it still.
    fn until(self, id: DeliveryId) -> Self {
        let after = Uuid::from_u128(id.0.as_u128().saturating_add(1));
        if self.is_rising { Self { high: after, ..self } } else { Self { low: id.0, ..self } }
    }
}

/// A page of the log.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant,
    search: &Search,
    place: Place,
    limit: u32,
) -> Result<Found, Error> {
    let walks = walks(conn, search).await?;
    let (span, looked) = bounded(conn, search, &walks, Span::of(search, place), LOOK).await?;
    let rows: Vec<Row> = select(conn, search, &walks, span, limit.saturating_add(1)).await?;
    let is_short = rows.len() <= limit as usize;
    let mut rows = rows.into_iter().map(Row::delivery).collect::<Result<Vec<_>, _>>()?;
    if span.is_rising {
        rows.reverse();
    }
    Ok(Found { rows, looked: looked.filter(|_| is_short) })
}

/// How the database goes about a page, a line a step: for whoever doubts that it is fast.
pub async fn explain(
    conn: &mut Conn,
    _by: &Grant,
    search: &Search,
    place: Place,
) -> Result<Vec<String>, Error> {
    let walks = walks(conn, search).await?;
    let (span, _) = bounded(conn, search, &walks, Span::of(search, place), LOOK).await?;
    let (explain, column) = conn.explain();
    let steps: Result<Vec<String>, sqlx::Error> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(explain);
        push_page!(query, search, &walks, span, 51);
        query.build().fetch_all(c).await?.iter().map(|row| sqlx::Row::try_get(row,
            column)).collect()
    });
    Ok(steps?)
}

/// How many there are, counted no further than `most`; `None` where no index can say it.
pub async fn count_up_to(
    conn: &mut Conn,
    _by: &Grant,
    search: &Search,
    most: i64,
) -> Result<Option<i64>, Error> {
    let walks = walks(conn, search).await?;
    if search.event_type.is_some()
        || !walks.iter().all(|walk| matches!(walk, Walk::State(..) | Walk::Answer(..)))
    {
        return Ok(None);
    }
    let span = Span::of(search, Place::Newest);
    let (count,): (i64,) = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT COUNT(*) FROM (");
        for (number, walk) in walks.iter().enumerate() {
            query.push(if number == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM \
                (" });
            query.push("SELECT id FROM deliveries WHERE ");
            push_walk!(query, walk, span);
            push_rest!(query, walk, search);
            query.push(" LIMIT ").push_bind(most).push(") AS w").push(number);
        }
        query.push(") AS found").build_query_as().fetch_one(c).await
    })?;
    Ok(Some(count.min(most)))
}

/// The next deliveries of a job after `after`, oldest first, and how far was looked when that is
/// not everywhere.
pub(super) async fn next(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<(Vec<(DeliveryId, HookId)>, Option<DeliveryId>), Error> {
    let search = Search::from(scope);
    if search.states.is_empty() {
        return Ok((Vec::new(), None));
    }
    let place = Place::After(after.unwrap_or(DeliveryId(Uuid::nil())));
    let walks = walks(conn, &search).await?;
    let (span, looked) =
        bounded(conn, &search, &walks, Span::of(&search, place), LOOK_OF_JOBS).await?;
    let rows: Vec<Row> = select(conn, &search, &walks, span, limit).await?;
    let is_short = rows.len() < limit as usize;
    Ok((rows.iter().map(Row::ids).collect(), looked.filter(|_| is_short)))
}

/// What a hook did not get and nobody sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    pub hook: HookId,
    pub state: State,
    pub answer: AnswerGroup,
    pub count: i64,
}

/// Everything that failed or was skipped, by hook and last answer, as far as a [`Survey`] counts.
/// Tests are nobody's loss.
pub async fn undelivered(conn: &mut Conn, _by: &Grant) -> Result<Vec<Undelivered>, Error> {
    let hooks: Vec<(HookId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT h.id FROM hooks h WHERE h.deleted_at IS NULL AND (
           (SELECT d.id FROM deliveries d WHERE d.state NOT IN ('delivered', 'pending') AND \
           d.hook_id = h.id
              AND d.state = 'failed' ORDER BY d.hook_id, d.state, d.id LIMIT 1) IS NOT NULL OR
           (SELECT d.id FROM deliveries d WHERE d.state NOT IN ('delivered', 'pending') AND \
           d.hook_id = h.id
              AND d.state = 'skipped' ORDER BY d.hook_id, d.state, d.id LIMIT 1) IS NOT NULL)
         ORDER BY h.id",
    ).fetch_all(c).await)?;
    let mut found: Vec<Undelivered> = Vec::new();
    for (hook,) in hooks {
        let scope = Scope {
            hook: Some(hook),
            states: vec![State::Failed, State::Skipped],
            ..Scope::default()
        };
        let counts = survey(conn, &scope, &[]).await?.counts;
        let parts = counts.into_iter().flat_map(|count| count.parts);
        found.extend(parts.map(|(state, answer, count)| Undelivered {
            hook,
            state,
            answer,
            count,
        }));
    }
    Ok(found)
}

/// The newest delivery there is.
pub async fn newest(conn: &mut Conn, _by: &Grant) -> Result<Option<DeliveryId>, Error> {
    let row: Option<(DeliveryId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id FROM deliveries WHERE id < $1 ORDER BY id DESC LIMIT 1",
    ).bind(DeliveryId(Uuid::max())).fetch_optional(c).await)?;
    Ok(row.map(|(id,)| id))
}

/// The deliveries of these ids that there are, newest first.
pub async fn these(
    conn: &mut Conn,
    _by: &Grant,
    ids: &[DeliveryId],
) -> Result<Vec<Delivery>, Error> {
    let mut found = Vec::new();
    for ids in super::db::padded(ids) {
        let rows: Vec<Row> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
            query.push("WHERE id IN ");
            super::db::push_list!(query, &ids);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows.into_iter().map(Row::delivery).collect::<Result<Vec<_>, _>>()?);
    }
    found.sort_unstable_by_key(|delivery| std::cmp::Reverse(delivery.id));
    Ok(found)
}

/// The indexes to walk along: together they hold everything that is looked for, each in the log's
/// order.
async fn walks(conn: &mut Conn, search: &Search) -> Result<Vec<Walk>, Error> {
    // They come and go too fast for an index of their own.
    let few = if walk::wants_pending(search) { pending(conn, search.hook).await? } else { None };
    Ok(walk::walks(search, few.as_deref()))
}

/// First attempts on their way, if they are few.
async fn pending(conn: &mut Conn, hook: Option<HookId>) -> Result<Option<Vec<DeliveryId>>, Error> {
    let rows: Vec<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT id FROM deliveries WHERE state = \
            'pending'");
        match hook {
            Some(hook) => query.push(" AND hook_id = ").push_bind(hook),
            // Any: so it is asked in the order of the index, and not of the table.
            None => query.push(" AND hook_id > ").push_bind(HookId(Uuid::nil())),
        };
        query.push(" LIMIT ").push_bind(FEW + 1).build_query_as().fetch_all(c).await
    })?;
    let is_few = rows.len() as i64 <= FEW;
    Ok(is_few.then(|| rows.into_iter().map(|(id,)| id).collect()))
}

/// The part of a span in which `look` rows lie, where more than the walks has to be judged, and its
/// end.
async fn bounded(
    conn: &mut Conn,
    search: &Search,
    walks: &[Walk],
    span: Span,
    look: i64,
) -> Result<(Span, Option<DeliveryId>), Error> {
    if walks.iter().all(|walk| walk.is_all_of(search)) {
        return Ok((span, None));
    }
    let end = end_of(conn, walks, span, look).await?;
    Ok((end.map_or(span, |end| span.until(end)), end))
}

/// Where the part of a span ends in which `look` rows lie; `None` when there are fewer. Of several
/// walks the one that comes least far decides: what is beyond its end is not complete.
async fn end_of(
    conn: &mut Conn,
    walks: &[Walk],
    span: Span,
    look: i64,
) -> Result<Option<DeliveryId>, Error> {
    let each = (look / i64::try_from(walks.len()).unwrap_or(i64::MAX).max(1)).max(1);
    let ends: Vec<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("");
        for (number, walk) in walks.iter().enumerate() {
            query.push(if number == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM \
                (" });
            query.push("SELECT id FROM deliveries WHERE ");
            push_walk!(query, walk, span);
            query.push(walk.order(span.is_rising)).push(" LIMIT 1 \
                OFFSET ").push_bind(each - 1).push(") AS w").push(number);
        }
        query.build_query_as().fetch_all(c).await
    })?;
    let ends = ends.into_iter().map(|(end,)| end);
    Ok(if span.is_rising { ends.min() } else { ends.max() })
}

async fn select(
    conn: &mut Conn,
    search: &Search,
    walks: &[Walk],
    span: Span,
    limit: u32,
) -> Result<Vec<Row>, Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("");
        push_page!(query, search, walks, span, i64::from(limit));
        query.build_query_as().fetch_all(c).await
    })?)
}
