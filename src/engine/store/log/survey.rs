//! Counts the deliveries in the scope of a job. A survey scans the same indexes as a page of the
//! log, in chunks, so that no statement runs long. It stops at a limit.

use uuid::Uuid;

use super::{
    Search, Span,
    scan::{self, IndexScan, push_between, push_filters, push_scan},
    scan_end, select,
};
use crate::{
    domain::{
        delivery::State,
        id::{DeliveryId, first_at, time_of},
        job::Count,
        log::AnswerGroup,
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db},
        deliveries::Row,
        error::Error,
    },
};

/// Rows that one statement scans.
const CHUNK_ROWS: i64 = 10_000;
/// Limit on chunks: a million rows.
const MAX_CHUNKS: usize = 100;

/// The result of a survey.
#[derive(Debug, Default)]
pub struct Survey {
    /// One count for each time slice.
    pub counts: Vec<Count>,
    /// When the first and the last counted delivery were accepted.
    pub ends: Option<(Timestamp, Timestamp)>,
}

/// Counts deliveries by state and last answer, in time slices whose ends are `bounds`. Deliveries
/// before the first or after the last bound belong to the nearest slice, so none is left out. Each
/// row is scanned once, with any number of slices.
pub(in crate::engine::store) async fn survey(
    conn: &mut Conn,
    search: &Search,
    bounds: &[Timestamp],
) -> Result<Survey, Error> {
    let whole = Span { is_ascending: true, ..Span::of(search, super::Place::Newest) };
    let inner = bounds.get(1..bounds.len().saturating_sub(1)).unwrap_or_default();
    let boundaries: Vec<Uuid> = inner.iter().map(|at| first_at(*at)).collect();
    let mut survey = Survey { counts: vec![Count::default(); boundaries.len() + 1], ends: None };
    if search.states.is_empty() {
        return Ok(survey);
    }
    let scans = scan::scans(search, None);
    let mut remaining = Some(whole);
    for number in 0.. {
        let Some(span) = remaining else { break };
        if number == MAX_CHUNKS {
            survey.counts.iter_mut().for_each(|count| count.is_more = true);
            break;
        }
        let end = scan_end(conn, &scans, span, CHUNK_ROWS).await?;
        let chunk = end.map_or(span, |end| span.until(end));
        remaining = end.map(|_| Span { low: chunk.high, ..span });
        if count_chunk(conn, search, &scans, chunk, &boundaries, &mut survey.counts).await? > 0 {
            let first = match survey.ends {
                Some((first, _)) => Some(first),
                None => edge_accepted_at(conn, search, &scans, chunk).await?,
            };
            let last =
                edge_accepted_at(conn, search, &scans, Span { is_ascending: false, ..chunk })
                    .await?;
            survey.ends = first.zip(last);
        }
    }
    Ok(survey)
}

/// When the first delivery of a chunk was accepted, or the last if the chunk is descending.
async fn edge_accepted_at(
    conn: &mut Conn,
    search: &Search,
    scans: &[IndexScan],
    chunk: Span,
) -> Result<Option<Timestamp>, Error> {
    let rows: Vec<Row> = select(conn, search, scans, chunk, 1).await?;
    Ok(rows.first().map(|row| time_of(row.ids().0.0)))
}

/// Adds the deliveries of one chunk to their slices. Returns how many there were.
pub(super) async fn count_chunk(
    conn: &mut Conn,
    search: &Search,
    scans: &[IndexScan],
    chunk: Span,
    boundaries: &[Uuid],
    counts: &mut [Count],
) -> Result<i64, Error> {
    // Only slices that overlap the chunk are named in the statement.
    let first = boundaries.iter().filter(|boundary| **boundary <= chunk.low).count();
    let within: Vec<Uuid> = boundaries
        .iter()
        .skip(first)
        .take_while(|boundary| **boundary < chunk.high)
        .copied()
        .collect();
    let rows: Vec<(i64, String, Option<String>, i64)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("");
        for (number, scan) in scans.iter().enumerate() {
            query.push(if number == 0 { "SELECT CAST(" } else { " UNION ALL SELECT CAST(" });
            query.push(if within.is_empty() { "" } else { "CASE" });
            for (slice, boundary) in within.iter().enumerate() {
                query.push(" WHEN id < ").push_bind(*boundary).push(" THEN ").push(slice);
            }
            match within.len() {
                0 => query.push("0"),
                last => query.push(" ELSE ").push(last).push(" END"),
            };
            query.push(" AS BIGINT), state, last_class, COUNT(*) FROM deliveries WHERE ");
            push_scan!(query, scan, chunk);
            push_filters!(query, scan, search);
            query.push(" GROUP BY 1, 2, 3");
        }
        query.push(" ORDER BY 1, 2, 3").build_query_as().fetch_all(c).await
    })?;
    let mut all = 0;
    for (slice, state, class, found) in rows {
        all += found;
        let count = usize::try_from(slice).ok().and_then(|slice| counts.get_mut(first + slice));
        let (Some(state), Some(count)) = (State::from_key(&state), count) else { continue };
        count.add(state, AnswerGroup::of(class.as_deref()), found);
    }
    Ok(all)
}
