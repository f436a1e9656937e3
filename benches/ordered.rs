//! One hook that keeps an order, and all events have the same value: each delivery waits until the
//! one before is on record. Beside it the same events to a hook without an order, in turn.

use crate::{
    Bench, Outcome, figures,
    helper::Receiver,
    subject::{Subject, Which},
    table::{Bar, Row},
};

const BATCH: usize = 500;
/// A member that has the same value in all bodies.
const MEMBER: &str = "mediaType";

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let batches = bench.ordered.div_ceil(BATCH);
    let count = batches * BATCH;
    let mut rows = [
        Row::new(format!("deliveries/s of {count} events, 1 hook, no order"), Bar::None),
        Row::new("  in order, one value, and to no order", Bar::AtLeast(0.5)),
    ];
    for kind in bench.kinds() {
        let (mut free, mut ordered) = (Vec::new(), Vec::new());
        for round in 1..=bench.rounds {
            for (found, is_ordered) in [(&mut free, false), (&mut ordered, true)] {
                let subject = Subject::start(Which::Ours(kind), &bench.recipe, receiver, 1).await?;
                if is_ordered {
                    subject.keep_order(MEMBER).await?;
                }
                found.push(subject.drain(receiver, batches, BATCH).await?);
                subject.remove().await?;
            }
            bench.progress(&format!(
                "ordered, round {round}, {kind:?}: deliveries/s without an order {free:.0?}, in \
                 order {ordered:.0?}"
            ));
        }
        let ratio =
            figures::median(ordered.iter().zip(&free).map(|(ordered, free)| ordered / free));
        rows[0].set(kind, figures::median(free), None);
        rows[1].set(kind, figures::median(ordered), Some(ratio));
    }
    Ok(rows.into())
}
