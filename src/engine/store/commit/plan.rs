//! The rows of one bulk write, by table. The executors in this folder write them without further
//! decisions.

use crate::{
    domain::time::Timestamp,
    engine::store::{
        events::{Accept, Planned},
        finished::Finished,
        measured::Sums,
        rows::{AttemptRow, DeliveryRow, EventRow, KeyRow},
    },
};

/// All rows of a bulk write. Every attempt among them succeeded: its delivery becomes `delivered`.
pub struct Rows<'a> {
    pub events: Vec<EventRow<'a>>,
    pub deliveries: Vec<DeliveryRow<'a>>,
    pub keys: Vec<KeyRow<'a>>,
    pub attempts: Vec<AttemptRow<'a>>,
    /// Increments of the hourly statistics of the attempts.
    pub sums: Sums,
    /// The time of the commit, for all rows.
    pub now: Timestamp,
}

impl<'a> Rows<'a> {
    /// `planned`: for each accept, the deliveries of each of its events.
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
        let planned_events = events().zip(planned.iter().flatten());
        let deliveries = planned_events
            .flat_map(|(event, planned)| planned.iter().map(move |planned| (event, planned)));
        let key_row = |(accept, planned): (&&'a Accept, &Vec<Vec<Planned>>)| {
            let (key, answer, expires_at) = accept.key_to_store(planned)?;
            Some(KeyRow { key_hash: &key.key_hash, body_hash: &key.body_hash, answer, expires_at })
        };
        Self {
            events: events().map(|event| EventRow::of(event, false, now)).collect(),
            deliveries: deliveries
                .map(|(event, planned)| DeliveryRow::of(event, planned, false, now))
                .collect(),
            keys: accepts.iter().zip(planned).filter_map(key_row).collect(),
            attempts: finished
                .iter()
                .map(|finished| AttemptRow::of(finished.delivery, &finished.attempt))
                .collect(),
            sums: Sums::of(finished),
            now,
        }
    }
}
