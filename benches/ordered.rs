//! Scenario `ordered`: throughput of a hook with an ordering key when all events have the same key,
//! compared with a hook without one.

use crate::{
    Bench, Outcome, figures,
    helper::Receiver,
    subject::{Subject, SubjectKind},
    table::{Row, Target},
};

const BATCH: usize = 500;
/// The ordering key: a field with the same value in all payloads.
const KEY_FIELD: &str = "mediaType";

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let batches = bench.ordered.div_ceil(BATCH);
    let count = batches * BATCH;
    let mut rows = [
        Row::new(format!("deliveries/s of {count} events, 1 hook, unordered"), Target::None),
        Row::new("  ordered, one key, and ratio", Target::AtLeast(0.5)),
    ];
    for kind in bench.kinds() {
        let (mut unordered, mut ordered) = (Vec::new(), Vec::new());
        for round in 1..=bench.rounds {
            for (found, is_ordered) in [(&mut unordered, false), (&mut ordered, true)] {
                let subject =
                    Subject::start(SubjectKind::ServiceHooks(kind), &bench.recipe, receiver, 1)
                        .await?;
                if is_ordered {
                    subject.keep_order(KEY_FIELD).await?;
                }
                found.push(subject.drain(receiver, batches, BATCH).await?);
                subject.remove().await?;
            }
            bench.progress(&format!(
                "ordered, round {round}, {kind:?}: deliveries/s unordered {unordered:.0?}, ordered \
                 {ordered:.0?}"
            ));
        }
        let ratio = figures::median(
            ordered.iter().zip(&unordered).map(|(ordered, unordered)| ordered / unordered),
        );
        rows[0].set(kind, figures::median(unordered), None);
        rows[1].set(kind, figures::median(ordered), Some(ratio));
    }
    Ok(rows.into())
}
