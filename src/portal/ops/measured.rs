//! Statistics of a hook over a time range: chart columns, failures by class, and totals.

use std::{cmp::Reverse, collections::HashMap};

use super::{Error, catalogue::File};
use crate::{
    domain::{
        id::HookId,
        log::AnswerGroup,
        measured::{Durations, Hour, Outcomes, Range},
        permission::right,
        time::Timestamp,
    },
    engine::store::{deliveries, hooks, measured},
    portal::ctx::OpCtx,
};

/// Statistics of one hook.
pub struct Measured {
    pub columns: Vec<Column>,
    /// Most frequent first.
    pub failures: Vec<(AnswerGroup, i64)>,
    /// Skipped deliveries, counted up to [`MANY`](crate::domain::words::MANY) + 1.
    pub skipped: i64,
    pub all: Column,
}

/// Attempts within one step of the range, starting at `from`.
#[derive(Clone, Debug)]
pub struct Column {
    pub from: Timestamp,
    pub outcomes: Outcomes,
    pub durations: Durations,
}

impl Column {
    fn at(hour: Hour) -> Self {
        Self { from: hour.start(), outcomes: Outcomes::default(), durations: Durations::default() }
    }
}

/// The last column ends with the current hour.
pub async fn of_hook(ctx: &OpCtx, id: HookId, range: Range) -> Result<Measured, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    hooks::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("hook"))?;
    let first = Hour::of(ctx.portal.clock().now()).back(range.hours() - 1);
    let counted = measured::since(&mut conn, &grant, Some(id), first).await?;
    let latencies = measured::latencies(&mut conn, &grant, id, first).await?;
    let skipped = deliveries::count_skipped(&mut conn, &grant, id, first.start()).await?;
    let mut columns: Vec<Column> = (0..range.hours() / range.step())
        .map(|at| Column::at(Hour(first.0 + at * range.step())))
        .collect();
    // After the clock was set back there may be hours in the future: they count in the totals but
    // have no column.
    let index =
        |hour: Hour| usize::try_from((hour.0 - first.0) / range.step()).unwrap_or(usize::MAX);
    let mut all = Column::at(first);
    let mut failures: HashMap<AnswerGroup, i64> = HashMap::new();
    for counted in counted {
        all.outcomes.add(&counted.class, counted.count);
        if let Some(column) = columns.get_mut(index(counted.hour)) {
            column.outcomes.add(&counted.class, counted.count);
        }
        if counted.class != "success" {
            *failures.entry(AnswerGroup::of(Some(&counted.class))).or_default() += counted.count;
        }
    }
    for (hour, bucket, count) in latencies {
        all.durations.add(bucket, count);
        if let Some(column) = columns.get_mut(index(hour)) {
            column.durations.add(bucket, count);
        }
    }
    let mut failures: Vec<_> = failures.into_iter().collect();
    failures.sort_by_key(|(answer, count)| (Reverse(*count), *answer));
    Ok(Measured { columns, failures, skipped, all })
}

/// The columns as CSV (RFC 4180).
pub fn csv(measured: &Measured, range: Range) -> File {
    let mut text = String::from("from,succeeded,failed,p50_ms,p95_ms\r\n");
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    for Column { from, outcomes, durations } in &measured.columns {
        let (p50, p95) = (number(durations.quantile(0.5)), number(durations.quantile(0.95)));
        text.push_str(&format!(
            "{},{},{},{p50},{p95}\r\n",
            from.rfc3339(),
            outcomes.succeeded,
            outcomes.failed
        ));
    }
    let name = format!("attempts-{}.csv", range.key());
    File { name, content_type: "text/csv; charset=utf-8", bytes: text.into_bytes() }
}
