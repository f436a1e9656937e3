//! Search for a text in the bodies of deliveries. Reading bodies is costly, so a page reads a
//! limited number of them and says how far it looked. Few are in memory at once, and they are
//! searched on the threads for blocking work.

use std::collections::{HashMap, HashSet};

use memchr::memmem::Finder;

use super::{Error, LogFound, nearest_first};
use crate::{
    domain::{
        delivery::Delivery,
        id::{DeliveryId, EventId},
        permission::Grant,
    },
    engine::store::{
        Conn, events,
        log::{self, Place, Search},
    },
};

/// Bodies, and about how many bytes of them, that one page searches at most.
const ROWS: usize = 2000;
const BYTES: usize = 8 * 1024 * 1024;
/// The same for one step of the search.
const CHUNK: u32 = 250;
const CHUNK_BYTES: usize = 1024 * 1024;

/// What one search may still read.
struct Budget {
    rows: usize,
    bytes: usize,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes == 0
    }
}

/// The state of one search.
struct Looking {
    finder: Finder<'static>,
    budget: Budget,
    /// What was found. The search ends at `enough` of them.
    found: Vec<Delivery>,
    enough: usize,
    /// The last delivery that was looked at.
    last: Option<DeliveryId>,
}

/// A page of deliveries whose bodies contain `text`, ignoring the case of ASCII letters. `looked`
/// says how far the search came if its budget ended it.
pub(super) async fn holding(
    conn: &mut Conn,
    grant: &Grant,
    search: &Search,
    text: &str,
    begin: Place,
    limit: usize,
) -> Result<LogFound, Error> {
    let budget = Budget { rows: ROWS, bytes: BYTES };
    // One more than is shown says that there are more.
    let mut looking =
        Looking { finder: finder(text), budget, found: Vec::new(), enough: limit + 1, last: None };
    let mut place = begin;
    let looked = loop {
        let page = log::page(conn, grant, search, place, CHUNK).await?;
        let mut chunk = nearest_first(page.rows, begin);
        let is_more = chunk.len() > CHUNK as usize;
        chunk.truncate(CHUNK as usize);
        let is_through = looking.look(conn, grant, chunk).await?;
        if is_through && !is_more {
            // Where no index fits the filter, the log itself looked at as many rows as a page may.
            break page.looked;
        }
        if !is_through || looking.budget.is_spent() {
            break looking.last;
        }
        let Some(last) = looking.last else { break None };
        place =
            if matches!(begin, Place::After(_)) { Place::After(last) } else { Place::Before(last) };
    };
    let mut rows = looking.found;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    Ok(LogFound { rows: nearest_first(rows, begin), is_more, looked: looked.filter(|_| !is_more) })
}

impl Looking {
    /// Searches the bodies of this chunk. `false` if it ended early: out of budget, or enough was
    /// found.
    async fn look(
        &mut self,
        conn: &mut Conn,
        grant: &Grant,
        chunk: Vec<Delivery>,
    ) -> Result<bool, Error> {
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            if self.budget.is_spent() {
                return Ok(false);
            }
            let ids: Vec<EventId> =
                rest.iter().map(|delivery| delivery.event_id).take(self.budget.rows).collect();
            let (count, bodies) =
                events::bodies_within(conn, grant, &ids, CHUNK_BYTES.min(self.budget.bytes))
                    .await?;
            let (part, after) = rest.split_at(count);
            rest = after;
            let sizes: HashMap<EventId, usize> =
                bodies.iter().map(|(id, body)| (*id, body.len())).collect();
            let holding = holders(self.finder.clone(), bodies).await?;
            for delivery in part {
                let size = sizes.get(&delivery.event_id).copied().unwrap_or_default();
                self.budget.rows -= 1;
                self.budget.bytes = self.budget.bytes.saturating_sub(size);
                self.last = Some(delivery.id);
                if holding.contains(&delivery.event_id) {
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

/// The events whose bodies contain it. A megabyte takes milliseconds, for which other requests
/// should not wait.
async fn holders(
    finder: Finder<'static>,
    bodies: HashMap<EventId, Vec<u8>>,
) -> Result<HashSet<EventId>, Error> {
    let look = move || {
        let holding =
            bodies.into_iter().filter_map(|(id, body)| holds(&finder, body).then_some(id));
        holding.collect::<HashSet<_>>()
    };
    // It fails only when the program ends.
    tokio::task::spawn_blocking(look).await.map_err(|_| Error::Busy { seconds: 1 })
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(&text.to_ascii_lowercase()).into_owned()
}

/// Takes time in proportion to the body, whatever stands in it and whatever is looked for.
fn holds(finder: &Finder<'_>, mut body: Vec<u8>) -> bool {
    body.make_ascii_lowercase();
    finder.find(&body).is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn a_text_is_found_wherever_it_stands_and_whatever_its_case() {
        let body = br#"{"queue": "Sales", "ab": "aab"}"#;
        let is_in = |body: &[u8], text: &str| holds(&finder(text), body.to_vec());
        for text in ["sales", "SALES", "\"queue\": \"S", "aab", "}", "{"] {
            assert!(is_in(body, text), "{text}");
        }
        for text in ["salesx", "aabb", "\"}x"] {
            assert!(!is_in(body, text), "{text}");
        }
        assert!(!is_in(b"", "a"));
        assert!(!is_in(b"\xff\xfe", "\u{e9}"));
    }

    /// A search that begins again at each letter takes twenty times as long for a text twenty times
    /// as long.
    #[test]
    fn a_longer_text_takes_no_longer() {
        let body = vec![b'a'; 256 * 1024];
        let took = |letters: usize| {
            let finder = finder(&format!("{}b", "a".repeat(letters)));
            let once = || {
                let body = body.clone();
                let watch = Clock::System.stopwatch();
                assert!(!holds(&finder, body));
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
