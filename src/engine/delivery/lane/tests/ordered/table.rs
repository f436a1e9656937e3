//! Stands in for the database's table of deliveries, and counts what is read from it.

use super::{id, keyed};
use crate::{
    domain::{hook::Tuning, time::Timestamp},
    engine::{
        delivery::lane::{
            Page, Wanted,
            tests::{NOW, page, tuned},
        },
        store::{
            lines::{Head, Line, Lines, Next, ReadRequest, Readiness},
            open::Key,
        },
    },
};

/// The open deliveries. A row: its number (also its age), key, attempts and due time.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rows: Vec<(u128, Key, u32, Timestamp)>,
    /// How many loads, heads and bodies were read.
    pub(super) loads: usize,
    pub(super) heads: usize,
    pub(super) bodies: usize,
}

impl Table {
    /// Due first attempts with these numbers and keys.
    pub(super) fn of(keys: impl IntoIterator<Item = (u128, String)>) -> Self {
        let rows = keys.into_iter().map(|(number, key)| (number, Key::from(key), 0, NOW)).collect();
        Self { rows, ..Self::default() }
    }

    /// Removes a delivery that is no longer open.
    pub(super) fn settle(&mut self, number: u128) {
        self.rows.retain(|row| row.0 != number);
    }

    fn readiness(row: &(u128, Key, u32, Timestamp), now: Timestamp) -> Readiness {
        if row.2 > 0 && row.3 > now { Readiness::Waits(row.3) } else { Readiness::Due }
    }

    /// The page of a load, as `Worker::page` would read it.
    pub(super) fn page(&mut self, wanted: Wanted, ask: &ReadRequest, now: Timestamp) -> Page {
        self.loads += 1;
        let mut page = page(
            Some(tuned(Tuning { order_by: Some("id".into()), ..Tuning::default() })),
            Vec::new(),
        );
        if !wanted.lines {
            return page;
        }
        (page.first_attempts, page.retries) = (None, None);
        self.rows.sort_by(|left, right| (&left.1, left.0).cmp(&(&right.1, right.0)));
        let mut found = Lines::default();
        if let Some(after) = &ask.heads {
            let mut last = after.clone();
            for row in &self.rows {
                if found.heads.len() < ask.heads_limit
                    && last.as_ref().is_none_or(|last| row.1 > *last)
                {
                    last = Some(row.1.clone());
                    let readiness = Self::readiness(row, now);
                    found.heads.push(Head {
                        key: row.1.clone(),
                        id: id(row.0),
                        readiness,
                        due_at: None,
                    });
                }
            }
        }
        for part in &ask.lines {
            let is_meant = |row: &&(u128, Key, u32, Timestamp)| {
                row.1 == part.key && part.after.is_none_or(|after| id(row.0) > after)
            };
            let mut line =
                Line { key: part.key.clone(), after: part.after, due: Vec::new(), next: Next::End };
            for row in self.rows.iter().filter(is_meant).take(ask.rows) {
                match Self::readiness(row, now) {
                    Readiness::Due => line.due.push(keyed(row.0, &row.1, row.2)),
                    Readiness::Waits(at) => line.next = Next::Waits(at),
                    Readiness::Held => line.next = Next::Held,
                }
                if line.next != Next::End {
                    break;
                }
            }
            if line.next == Next::End && line.due.len() == ask.rows {
                line.next = Next::More;
            }
            self.bodies += line.due.len();
            found.lines.push(line);
        }
        self.heads += found.heads.len();
        page.lines = Some(found);
        page
    }
}
