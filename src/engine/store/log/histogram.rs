//! Counts the matches of a search for the bars of a chart. Up to [`MANY`] rows are counted exactly.
//! If there are more, a bounded number of rows of each bar is counted and the rest estimated, so
//! that a chart costs about the same for any range of any log.

use uuid::Uuid;

use super::{Place, Search, Span, scan_end, scans, survey};
use crate::{
    domain::{
        histogram::{Bar, Histogram, Total, bounds},
        id::{first_at, time_of},
        job::Count,
        permission::{Grant, right},
        time::Timestamp,
        words::MANY,
    },
    engine::store::{db::Conn, error::Error},
};

/// Rows of one bar that are counted if the bars are estimated, for each index scan.
const SAMPLE_ROWS: i64 = 200;

/// Bars over the range of a search; where it has no ends, from its first delivery to `now`.
/// `offset_ms` is the reader's distance to UTC. `None` if there is nothing to count.
pub async fn histogram(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    search: &Search,
    now: Timestamp,
    offset_ms: i64,
) -> Result<Option<Histogram>, Error> {
    let scans = scans(conn, search).await?;
    let each = |rows: i64| rows.saturating_mul(i64::try_from(scans.len()).unwrap_or(1).max(1));
    let whole = Span { is_ascending: true, ..Span::of(search, Place::Newest) };
    let Some(first) = scan_end(conn, &scans, whole, each(1)).await? else { return Ok(None) };
    let from = search.from.unwrap_or_else(|| time_of(first.0));
    // What was accepted in this millisecond belongs to the last bar.
    let to = search.to.unwrap_or(Timestamp(now.0.max(time_of(first.0).0).saturating_add(1)));
    let bounds = bounds(from, to, offset_ms);
    let mut counts = vec![Count::default(); bounds.len() - 1];
    let inner: Vec<Uuid> = bounds[1..bounds.len() - 1].iter().map(|at| first_at(*at)).collect();
    let is_sampled = scan_end(conn, &scans, whole, each(MANY + 1)).await?.is_some();
    if !is_sampled {
        survey::count_chunk(conn, search, &scans, whole, &inner, &mut counts).await?;
        let bars: Vec<Bar> = counts.iter().map(bar_of).collect();
        let all = bars.iter().map(Bar::total).sum();
        let total = if all > MANY { Total::MoreThan(MANY) } else { Total::Exactly(all) };
        return Ok(Some(Histogram { bounds, bars, total, is_sampled }));
    }
    let mut bars = Vec::new();
    for ends in bounds.windows(2) {
        let (low, high) = (first_at(ends[0]), first_at(ends[1]));
        let span = Span { low, high, is_ascending: true };
        let end = scan_end(conn, &scans, span, each(SAMPLE_ROWS)).await?;
        let part = end.map_or(span, |end| span.until(end));
        let mut counts = [Count::default()];
        survey::count_chunk(conn, search, &scans, part, &[], &mut counts).await?;
        let [count] = &counts;
        let bar = bar_of(count);
        bars.push(match end {
            Some(end) => bar.scaled(
                time_of(end.0).0.saturating_sub(ends[0].0).max(1),
                ends[1].0.saturating_sub(ends[0].0),
            ),
            None => bar,
        });
    }
    let total = if scans.iter().all(|scan| scan.covers(search)) {
        Total::MoreThan(MANY)
    } else {
        Total::About(bars.iter().map(Bar::total).sum())
    };
    Ok(Some(Histogram { bounds, bars, total, is_sampled }))
}

fn bar_of(count: &Count) -> Bar {
    let mut bar = Bar::default();
    for (state, _, number) in &count.parts {
        bar.add(*state, *number);
    }
    bar
}
