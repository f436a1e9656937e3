//! Counting what a job would be for. However much that is, no statement is long: a survey walks
//! along the same indexes as a page of the log, a piece at a time, and stops where more is not
//! worth the wait.

use uuid::Uuid;

use super::{
    Search, Span, end_of, select,
    walk::{self, Walk, push_between, push_rest, push_walk},
};
use crate::{
    domain::{
        delivery::State,
        id::{DeliveryId, born, first_at},
        job::{Count, Scope},
        log::AnswerGroup,
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db},
        deliveries::Row,
        error::Error,
    },
};

/// Rows that one statement goes through.
const PIECE: i64 = 10_000;
/// Pieces after which a survey stops: a million rows.
const PIECES: usize = 100;

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many there are in each slice of time.
    pub counts: Vec<Count>,
    /// When the first and the last that were counted were accepted.
    pub ends: Option<(Timestamp, Timestamp)>,
}

/// How many deliveries a job would be for, by state and last answer, in slices of time of which
/// `bounds` are the ends. What is before the first or after the last belongs to the slice beside
/// it, so that nothing is left out; and however many slices there are, no delivery is looked at
/// twice.
pub(in crate::engine::store) async fn survey(
    conn: &mut Conn,
    scope: &Scope,
    bounds: &[Timestamp],
) -> Result<Survey, Error> {
    let search = Search::from(scope);
    let whole = Span { is_rising: true, ..Span::of(&search, super::Place::Newest) };
    let inner = bounds.get(1..bounds.len().saturating_sub(1)).unwrap_or_default();
    let cuts: Vec<Uuid> = inner.iter().map(|at| first_at(*at)).collect();
    let mut survey = Survey { counts: vec![Count::default(); cuts.len() + 1], ends: None };
    if search.states.is_empty() {
        return Ok(survey);
    }
    let walks = walk::walks(&search, None);
    let mut rest = Some(whole);
    for number in 0.. {
        let Some(span) = rest else { break };
        if number == PIECES {
            survey.counts.iter_mut().for_each(|count| count.is_more = true);
            break;
        }
        let end = end_of(conn, &walks, span, PIECE).await?;
        let piece = end.map_or(span, |end| span.until(end));
        rest = end.map(|_| Span { low: piece.high, ..span });
        if tally(conn, &search, &walks, piece, &cuts, &mut survey.counts).await? > 0 {
            let first = match survey.ends {
                Some((first, _)) => Some(first),
                None => outermost(conn, &search, &walks, piece).await?,
            };
            let last = outermost(conn, &search, &walks, Span { is_rising: false, ..piece }).await?;
            survey.ends = first.zip(last);
        }
    }
    Ok(survey)
}

/// When the first of a piece was accepted, or the last.
async fn outermost(
    conn: &mut Conn,
    search: &Search,
    walks: &[Walk],
    piece: Span,
) -> Result<Option<Timestamp>, Error> {
    let rows: Vec<Row> = select(conn, search, walks, piece, 1).await?;
    Ok(rows.first().map(|row| born(row.ids().0.0)))
}

/// Adds what is in one piece to the slices in which it is, and says how much that was.
async fn tally(
    conn: &mut Conn,
    search: &Search,
    walks: &[Walk],
    piece: Span,
    cuts: &[Uuid],
    counts: &mut [Count],
) -> Result<i64, Error> {
    // Slices that end before the piece begins hold nothing of it, nor do those that begin after it.
    let first = cuts.iter().filter(|cut| **cut <= piece.low).count();
    let within: Vec<Uuid> =
        cuts.iter().skip(first).take_while(|cut| **cut < piece.high).copied().collect();
    let rows: Vec<(i64, String, Option<String>, i64)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("");
        for (number, walk) in walks.iter().enumerate() {
            query.push(if number == 0 { "SELECT CAST(" } else { " UNION ALL SELECT CAST(" });
            query.push(if within.is_empty() { "" } else { "CASE" });
            for (slice, cut) in within.iter().enumerate() {
                query.push(" WHEN id < ").push_bind(*cut).push(" THEN ").push(slice);
            }
            match within.len() {
                0 => query.push("0"),
                last => query.push(" ELSE ").push(last).push(" END"),
            };
            query.push(" AS BIGINT), state, last_class, COUNT(*) FROM deliveries WHERE ");
            push_walk!(query, walk, piece);
            push_rest!(query, walk, search);
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
