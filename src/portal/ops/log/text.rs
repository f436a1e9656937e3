//! Full-text search in payloads. Reading payloads is costly, so each page has a budget of rows and
//! bytes and reports how far it scanned. Payloads are read in chunks and searched on the threads
//! for blocking work.

use std::collections::{HashMap, HashSet};

use memchr::memmem::Finder;

use super::{Error, LogFound, nearest_first};
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
const ROWS: usize = 2000;
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
    finder: Finder<'static>,
    budget: Budget,
    /// Matching deliveries. The search ends at `enough` of them.
    found: Vec<Delivery>,
    enough: usize,
    /// The last delivery that was scanned.
    last: Option<DeliveryId>,
}

/// A page of deliveries whose payload contains `text`, ignoring ASCII case. If the budget ended the
/// search, `looked` says where.
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
    let mut scan =
        Scan { finder: finder(text), budget, found: Vec::new(), enough: limit + 1, last: None };
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
    let mut rows = scan.found;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    Ok(LogFound { rows: nearest_first(rows, begin), is_more, looked: looked.filter(|_| !is_more) })
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
            let matches = matching_events(self.finder.clone(), bodies).await?;
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
    finder: Finder<'static>,
    bodies: HashMap<EventId, Vec<u8>>,
) -> Result<HashSet<EventId>, Error> {
    let search = move || {
        let matches =
            bodies.into_iter().filter_map(|(id, body)| contains(&finder, body).then_some(id));
        matches.collect::<HashSet<_>>()
    };
    // Joining fails only at shutdown.
    let found = tokio::task::spawn_blocking(search).await;
    found.map_err(|_| Error::Busy { reason: Busy::Server, seconds: 1 })
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(&text.to_ascii_lowercase()).into_owned()
}

/// Runs in time linear in the payload, for any payload and any text.
fn contains(finder: &Finder<'_>, mut body: Vec<u8>) -> bool {
    body.make_ascii_lowercase();
    finder.find(&body).is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn a_text_is_found_anywhere_in_any_ascii_case() {
        let body = br#"{"queue": "Sales", "ab": "aab"}"#;
        let is_in = |body: &[u8], text: &str| contains(&finder(text), body.to_vec());
        for text in ["sales", "SALES", "\"queue\": \"S", "aab", "}", "{"] {
            assert!(is_in(body, text), "{text}");
        }
        for text in ["salesx", "aabb", "\"}x"] {
            assert!(!is_in(body, text), "{text}");
        }
        assert!(!is_in(b"", "a"));
        assert!(!is_in(b"\xff\xfe", "\u{e9}"));
    }

    /// A naive search takes time proportional to the length of the text as well.
    #[test]
    fn a_longer_text_takes_no_longer() {
        let body = vec![b'a'; 256 * 1024];
        let took = |letters: usize| {
            let finder = finder(&format!("{}b", "a".repeat(letters)));
            let once = || {
                let body = body.clone();
                let watch = Clock::System.stopwatch();
                assert!(!contains(&finder, body));
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
