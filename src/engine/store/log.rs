//! The delivery log: any filter, newest first, with keyset pagination. Every page costs about the
//! same. A page scans indexes that are already in log order. Where no index matches the filter, it
//! scans a limited number of rows and reports where it stopped.

mod histogram;
mod scan;
mod survey;
mod undelivered;

pub use histogram::histogram;
pub use survey::Survey;
pub(super) use survey::survey;
pub use undelivered::{Undelivered, count_undelivered, undelivered};
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
    permission::{Grant, right},
    time::Timestamp,
};
use scan::{IndexScan, push_between, push_filters, push_page, push_scan};

/// Most rows that a page scans when no index matches its filter.
const SCAN_LIMIT: i64 = 10_000;
/// The same limit for a step of a job, which runs as a command of the writer.
const JOB_SCAN_LIMIT: i64 = 2_000;
/// Up to so many pending deliveries are listed by id. If there are more, a scan finds them quickly
/// anyway.
const FEW_PENDING: i64 = 256;

/// A filter on the log. All fields are optional and combined with AND.
#[derive(Clone, Debug, Default)]
pub struct Search {
    pub hook: Option<HookId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// Empty: any state.
    pub states: Vec<State>,
    pub answer: Option<AnswerGroup>,
    /// `Some(true)`: only tests; `Some(false)`: no tests; `None`: both.
    pub tests: Option<bool>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl From<&Scope> for Search {
    /// A job covers only settled deliveries, and never tests.
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

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Newest,
    /// Deliveries older than this one.
    Before(DeliveryId),
    /// Deliveries newer than this one, starting next to it.
    After(DeliveryId),
}

/// A page of the log.
#[derive(Debug, Default)]
pub struct Found {
    /// Newest first; one more than the limit when there are more.
    pub rows: Vec<Delivery>,
    /// Set if the page is short because the scan hit its limit here; more matches may lie beyond.
    pub scanned_to: Option<DeliveryId>,
}

/// A half-open range of ids, `low..high`, and the scan direction.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: Uuid,
    high: Uuid,
    is_ascending: bool,
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
        Self { low, high, is_ascending: matches!(place, Place::After(_)) }
    }

    /// This span cut off after `id`, which stays inside.
    fn until(self, id: DeliveryId) -> Self {
        let after = Uuid::from_u128(id.0.as_u128().saturating_add(1));
        if self.is_ascending { Self { high: after, ..self } } else { Self { low: id.0, ..self } }
    }
}

/// A page of the log.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    search: &Search,
    place: Place,
    limit: u32,
) -> Result<Found, Error> {
    let scans = scans(conn, search).await?;
    let (span, scanned_to) =
        bound_span(conn, search, &scans, Span::of(search, place), SCAN_LIMIT).await?;
    let rows: Vec<Row> = select(conn, search, &scans, span, limit.saturating_add(1)).await?;
    let is_short = rows.len() <= limit as usize;
    let mut rows = rows.into_iter().map(Row::delivery).collect::<Result<Vec<_>, _>>()?;
    if span.is_ascending {
        rows.reverse();
    }
    Ok(Found { rows, scanned_to: scanned_to.filter(|_| is_short) })
}

/// The query plan of a page, one line for each step, for diagnosis.
pub async fn explain(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    search: &Search,
    place: Place,
) -> Result<Vec<String>, Error> {
    let scans = scans(conn, search).await?;
    let (span, _) = bound_span(conn, search, &scans, Span::of(search, place), SCAN_LIMIT).await?;
    let (explain, column) = conn.explain();
    let steps: Result<Vec<String>, sqlx::Error> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(explain);
        push_page!(query, search, &scans, span, 51);
        query.build().fetch_all(c).await?.iter().map(|row| sqlx::Row::try_get(row,
            column)).collect()
    });
    Ok(steps?)
}

/// Counts matches, up to `most`. `None` if no index can count them.
pub async fn count_up_to(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    search: &Search,
    most: i64,
) -> Result<Option<i64>, Error> {
    let scans = scans(conn, search).await?;
    if search.event_type.is_some()
        || !scans.iter().all(|scan| matches!(scan, IndexScan::State(..) | IndexScan::Answer(..)))
    {
        return Ok(None);
    }
    let span = Span::of(search, Place::Newest);
    let (count,): (i64,) = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT COUNT(*) FROM (");
        for (number, scan) in scans.iter().enumerate() {
            query.push(if number == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM \
                (" });
            query.push("SELECT id FROM deliveries WHERE ");
            push_scan!(query, scan, span);
            push_filters!(query, scan, search);
            query.push(" LIMIT ").push_bind(most).push(") AS w").push(number);
        }
        query.push(") AS found").build_query_as().fetch_one(c).await
    })?;
    Ok(Some(count.min(most)))
}

/// The next deliveries of a job after `after`, oldest first, and where the scan stopped if it did
/// not reach the end.
pub(super) async fn next(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<(Vec<(DeliveryId, HookId)>, Option<DeliveryId>), Error> {
    next_of(conn, &Search::from(scope), after, limit).await
}

/// The same for any search in certain states.
pub(super) async fn next_of(
    conn: &mut Conn,
    search: &Search,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<(Vec<(DeliveryId, HookId)>, Option<DeliveryId>), Error> {
    if search.states.is_empty() {
        return Ok((Vec::new(), None));
    }
    let place = Place::After(after.unwrap_or(DeliveryId(Uuid::nil())));
    let scans = scans(conn, search).await?;
    let (span, scanned_to) =
        bound_span(conn, search, &scans, Span::of(search, place), JOB_SCAN_LIMIT).await?;
    let rows: Vec<Row> = select(conn, search, &scans, span, limit).await?;
    let is_short = rows.len() < limit as usize;
    Ok((rows.iter().map(Row::ids).collect(), scanned_to.filter(|_| is_short)))
}

/// The newest delivery.
pub async fn newest(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
) -> Result<Option<DeliveryId>, Error> {
    let row: Option<(DeliveryId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id FROM deliveries WHERE id < $1 ORDER BY id DESC LIMIT 1",
    ).bind(DeliveryId(Uuid::max())).fetch_optional(c).await)?;
    Ok(row.map(|(id,)| id))
}

/// Deliveries by id, newest first. Ids that do not exist are ignored.
pub async fn by_ids(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
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

/// The index scans that together find all matches, each in log order.
async fn scans(conn: &mut Conn, search: &Search) -> Result<Vec<IndexScan>, Error> {
    // Pending rows are too short-lived for an index of their own.
    let pending_ids = if scan::may_include_pending(search) {
        few_pending(conn, search.hook).await?
    } else {
        None
    };
    Ok(scan::scans(search, pending_ids.as_deref()))
}

/// Ids of pending deliveries; `None` if there are too many to list.
async fn few_pending(
    conn: &mut Conn,
    hook: Option<HookId>,
) -> Result<Option<Vec<DeliveryId>>, Error> {
    let rows: Vec<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT id FROM deliveries WHERE state = \
            'pending'");
        match hook {
            Some(hook) => query.push(" AND hook_id = ").push_bind(hook),
            // Matches any hook, but makes the database scan in index order.
            None => query.push(" AND hook_id > ").push_bind(HookId(Uuid::nil())),
        };
        query.push(" LIMIT ").push_bind(FEW_PENDING + 1).build_query_as().fetch_all(c).await
    })?;
    let is_few = rows.len() as i64 <= FEW_PENDING;
    Ok(is_few.then(|| rows.into_iter().map(|(id,)| id).collect()))
}

/// Limits a span to `scan_limit` rows if rows must be filtered one by one, and returns where it
/// ends.
async fn bound_span(
    conn: &mut Conn,
    search: &Search,
    scans: &[IndexScan],
    span: Span,
    scan_limit: i64,
) -> Result<(Span, Option<DeliveryId>), Error> {
    if scans.iter().all(|scan| scan.covers(search)) {
        return Ok((span, None));
    }
    let end = scan_end(conn, scans, span, scan_limit).await?;
    Ok((end.map_or(span, |end| span.until(end)), end))
}

/// The id after `scan_limit` rows of a span; `None` when there are fewer. With several scans the
/// nearest end counts, because beyond it the result would be incomplete.
async fn scan_end(
    conn: &mut Conn,
    scans: &[IndexScan],
    span: Span,
    scan_limit: i64,
) -> Result<Option<DeliveryId>, Error> {
    let rows_each = (scan_limit / i64::try_from(scans.len()).unwrap_or(i64::MAX).max(1)).max(1);
    let ends: Vec<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("");
        for (number, scan) in scans.iter().enumerate() {
            query.push(if number == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM \
                (" });
            query.push("SELECT id FROM deliveries WHERE ");
            push_scan!(query, scan, span);
            query.push(scan.order(span.is_ascending)).push(" LIMIT 1 \
                OFFSET ").push_bind(rows_each - 1).push(") AS w").push(number);
        }
        query.build_query_as().fetch_all(c).await
    })?;
    let ends = ends.into_iter().map(|(end,)| end);
    Ok(if span.is_ascending { ends.min() } else { ends.max() })
}

/// Reads up to `limit` rows of the merged scans.
async fn select(
    conn: &mut Conn,
    search: &Search,
    scans: &[IndexScan],
    span: Span,
    limit: u32,
) -> Result<Vec<Row>, Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("");
        push_page!(query, search, scans, span, i64::from(limit));
        query.build_query_as().fetch_all(c).await
    })?)
}
