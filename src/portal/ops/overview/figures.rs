//! The figures of all hooks above the list. Each counts what its link leads to.

use super::{Error, Row, first_hour, sum};
use crate::{
    domain::{
        delivery::State,
        id::time_of,
        measured::{Durations, Outcomes},
        permission::right,
        time::Timestamp,
        words::MANY,
    },
    engine::store::{
        deliveries,
        log::{self, Search},
    },
    portal::ctx::OpCtx,
};

/// The figures of the last 24 hours and of this moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The beginning of the last 24 hours: a full hour, like that of the charts.
    pub from: Timestamp,
    /// Deliveries accepted since then and delivered.
    pub delivered: i64,
    /// Attempts since then.
    pub attempts: Outcomes,
    pub p95: Option<i64>,
    /// Deliveries that wait for a retry and that are held, counted up to [`MANY`] + 1.
    pub waiting: i64,
    pub held: i64,
    /// When the oldest held delivery was accepted.
    pub held_since: Option<Timestamp>,
}

/// `None` without `deliveries:read`. `rows` are all hooks.
pub async fn figures(ctx: &OpCtx, rows: &[Row]) -> Result<Option<Figures>, Error> {
    let Ok(grant) = ctx.require(right::DeliveriesRead) else { return Ok(None) };
    let mut conn = ctx.portal.store().read().await?;
    let from = first_hour(ctx.portal.clock().now()).start();
    let mut attempts = Outcomes::default();
    let mut durations = Durations::default();
    for row in rows {
        let day = sum(&row.day);
        attempts.succeeded += day.succeeded;
        attempts.failed += day.failed;
        for (bucket, count) in &row.durations.0 {
            durations.add(*bucket, *count);
        }
    }
    let mut counted = [0; 2];
    for (count, state) in counted.iter_mut().zip([State::Waiting, State::Held]) {
        let search = Search { states: vec![state], ..Search::default() };
        *count = log::count_up_to(&mut conn, &grant, &search, MANY + 1).await?.unwrap_or_default();
    }
    let oldest = deliveries::oldest_held(&mut conn, &grant, None).await?;
    // Of very many, the statistics know the number; the list does not count so far.
    let delivered = deliveries::count_delivered(&mut conn, &grant, from).await?;
    Ok(Some(Figures {
        from,
        delivered: delivered.unwrap_or(attempts.succeeded),
        attempts,
        p95: durations.quantile(0.95),
        waiting: counted[0],
        held: counted[1],
        held_since: oldest.map(|id| time_of(id.0)),
    }))
}
