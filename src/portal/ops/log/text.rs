//! Full-text search in payloads. Reading payloads is costly, so each page has a budget of rows and
//! bytes and reports how far it scanned. Payloads are read in chunks and searched on the threads
//! for blocking work.

use std::collections::{HashMap, HashSet};

use super::{Error, LogFound, folded::Needle, nearest_first};
use crate::{
    domain::{
        busy::Busy,
        delivery::Delivery,
        id::{DeliveryId, EventId},
        permission::{Grant, right},
    },
    engine::store::{
        Conn, events,
        log::{self, Place, Search},
    },
};

/// Budget of one page: payloads, and approximately bytes.
const ROWS: usize = 5000;
const BYTES: usize = 8 * 1024 * 1024;
/// The same for one chunk.
const CHUNK: u32 = 250;
const CHUNK_BYTES: usize = 1024 * 1024;

/// The remaining budget of a search.
struct Budget {
    rows: usize,
    bytes: usize,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes == 0
    }
}

/// State of one search.
struct Scan {
    needle: Needle,
    budget: Budget,
    /// Matching deliveries. The search ends at `enough` of them.
    found: Vec<Delivery>,
    enough: usize,
    /// The last delivery that was scanned.
    last: Option<DeliveryId>,
}

/// A page of deliveries whose payload contains `text`, as people read it (see [`Needle`]). If the
/// budget ended the search, `looked` says where.
pub(super) async fn matching(
    conn: &mut Conn,
    grant: &Grant<right::DeliveriesRead>,
    payloads: &Grant<right::PayloadsRead>,
    search: &Search,
    text: &str,
    begin: Place,
    limit: usize,
) -> Result<LogFound, Error> {
    let budget = Budget { rows: ROWS, bytes: BYTES };
    // One more than the page shows, to know whether there are more.
    let mut scan = Scan {
        needle: Needle::new(text),
        budget,
        found: Vec::new(),
        enough: limit + 1,
        last: None,
    };
    let mut place = begin;
    let looked = loop {
        let page = log::page(conn, grant, search, place, CHUNK).await?;
        let mut chunk = nearest_first(page.rows, begin);
        let is_more = chunk.len() > CHUNK as usize;
        chunk.truncate(CHUNK as usize);
        let is_complete = scan.search(conn, payloads, chunk).await?;
        if is_complete && !is_more {
            // Without an index for the filter, the query itself stops at its own scan limit.
            break page.scanned_to;
        }
        if !is_complete || scan.budget.is_spent() {
            break scan.last;
        }
        let Some(last) = scan.last else { break None };
        place =
            if matches!(begin, Place::After(_)) { Place::After(last) } else { Place::Before(last) };
    };
    let searched = ROWS - scan.budget.rows;
    let mut rows = scan.found;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let looked = looked.filter(|_| !is_more);
    Ok(LogFound { rows: nearest_first(rows, begin), is_more, looked, searched: Some(searched) })
}

impl Scan {
    /// Searches the payloads of this chunk. `false` if it ended early: budget spent, or enough
    /// found.
    async fn search(
        &mut self,
        conn: &mut Conn,
        payloads: &Grant<right::PayloadsRead>,
        chunk: Vec<Delivery>,
    ) -> Result<bool, Error> {
        let mut remaining = chunk.as_slice();
        while !remaining.is_empty() {
            if self.budget.is_spent() {
                return Ok(false);
            }
            let ids: Vec<EventId> =
                remaining.iter().map(|delivery| delivery.event_id).take(self.budget.rows).collect();
            let (count, bodies) =
                events::bodies_within(conn, payloads, &ids, CHUNK_BYTES.min(self.budget.bytes))
                    .await?;
            let (part, after) = remaining.split_at(count);
            remaining = after;
            let sizes: HashMap<EventId, usize> =
                bodies.iter().map(|(id, body)| (*id, body.len())).collect();
            let matches = matching_events(self.needle.clone(), bodies).await?;
            for delivery in part {
                let size = sizes.get(&delivery.event_id).copied().unwrap_or_default();
                self.budget.rows -= 1;
                self.budget.bytes = self.budget.bytes.saturating_sub(size);
                self.last = Some(delivery.id);
                if matches.contains(&delivery.event_id) {
                    self.found.push(delivery.clone());
                    if self.found.len() == self.enough {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}

/// The events whose payloads match. A megabyte takes milliseconds, which must not block the async
/// threads.
async fn matching_events(
    needle: Needle,
    bodies: HashMap<EventId, Vec<u8>>,
) -> Result<HashSet<EventId>, Error> {
    let search = move || {
        let matches = bodies.into_iter().filter_map(|(id, body)| needle.is_in(&body).then_some(id));
        matches.collect::<HashSet<_>>()
    };
    // Joining fails only at shutdown.
    let found = tokio::task::spawn_blocking(search).await;
    found.map_err(|_| Error::Busy { reason: Busy::Server, seconds: 1 })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::clock::Clock;

    /// A naive search takes time proportional to the length of the text as well.
    #[test]
    fn a_longer_text_takes_no_longer() {
        let body = vec![b'a'; 256 * 1024];
        let took = |letters: usize| {
            let needle = Needle::new(&format!("{}b", "a".repeat(letters)));
            let once = || {
                let watch = Clock::System.stopwatch();
                assert!(!needle.is_in(&body));
                watch.elapsed()
            };
            (0..5).map(|_| once()).min().unwrap()
        };
        let (short, long) = (took(9), took(199));
        assert!(
            long < short * 6 + Duration::from_millis(1),
            "{short:?} for 10 letters, {long:?} for 200"
        );
    }
}
