//! What accepts and attempts become: the rows of one commit.

use crate::{
    domain::time::Timestamp,
    engine::store::{
        events::{Accept, Planned},
        finished::Finished,
        measured::Sums,
        rows::{AttemptRow, DeliveryRow, EventRow, KeyRow},
    },
};

/// All rows of a commit. An attempt among them settled its delivery: the receiver has it.
pub struct Rows<'a> {
    pub events: Vec<EventRow<'a>>,
    pub deliveries: Vec<DeliveryRow<'a>>,
    pub keys: Vec<KeyRow<'a>>,
    pub attempts: Vec<AttemptRow<'a>>,
    pub sums: Sums,
    pub now: Timestamp,
}

impl<'a> Rows<'a> {
    /// `planned`: for each accept, what each of its events becomes.
    pub fn of(
        accepts: &[&'a Accept],
        planned: &'a [Vec<Vec<Planned>>],
        finished: &[&'a Finished],
    ) -> Self {
        let clock = accepts
            .first()
            .map(|accept| &accept.clock)
            .or(finished.first().map(|finished| &finished.clock));
        let now = clock.map_or(Timestamp(0), |clock| clock.now());
        let events = || accepts.iter().flat_map(|accept| &accept.events);
        let pairs = events().zip(planned.iter().flatten());
        let deliveries =
            pairs.flat_map(|(event, planned)| planned.iter().map(move |planned| (event, planned)));
        let key = |(accept, planned): (&&'a Accept, &Vec<Vec<Planned>>)| {
            let (key, answer, expires_at) = accept.to_remember(planned)?;
            Some(KeyRow { key_hash: &key.key_hash, body_hash: &key.body_hash, answer, expires_at })
        };
        Self {
            events: events().map(|event| EventRow::of(event, false, now)).collect(),
            deliveries: deliveries
                .map(|(event, planned)| DeliveryRow::of(event, planned, false, now))
                .collect(),
            keys: accepts.iter().zip(planned).filter_map(key).collect(),
            attempts: finished
                .iter()
                .map(|finished| AttemptRow::of(finished.delivery, &finished.attempt))
                .collect(),
            sums: Sums::of(finished),
            now,
        }
    }
}
