//! When lines are read from the database, what a load has to read, and how its page is applied.

use super::{LINE_FRACTION, LINES_PER_ROW, Line, Lines};
use crate::{
    domain::time::Timestamp,
    engine::store::{
        lines::{Head, Line as ReadLine, LineRange, Next, ReadRequest, Readiness},
        open::Open,
        queue::PageLimit,
    },
};

/// Heads per page of a scan.
const HEADS_PER_LOAD: usize = 500;
/// The most lines that one load reads.
const MAX_PARTS: usize = 64;
/// Bytes that a load needs for each line. A load with less room reads fewer lines.
const MIN_PART_BYTES: usize = 32 * 1024;

impl Lines {
    /// When the next load is due: a scan, or the retry of a head.
    pub(in crate::engine::delivery::lane) fn wake_at(&self) -> Option<Timestamp> {
        self.scan_at.into_iter().chain(self.retry_at.first().map(|(at, _)| *at)).min()
    }

    /// Is a load due? Lines are not read while the window is more than half full.
    pub(in crate::engine::delivery::lane) fn wants_load(
        &self,
        window: PageLimit,
        now: Timestamp,
    ) -> bool {
        let has_room = self.queued * 2 <= window.rows;
        let is_time = self.retry_at.first().is_some_and(|(at, _)| *at <= now);
        has_room && (!self.to_read.is_empty() || is_time) || self.wants_scan(now)
    }

    fn wants_scan(&self, now: Timestamp) -> bool {
        self.to_read.len() < HEADS_PER_LOAD && self.scan_at.is_some_and(|at| at <= now)
    }

    /// Notes that a load begins, with this much room. Returns what it has to read.
    pub(in crate::engine::delivery::lane) fn begin_load(
        &mut self,
        window: PageLimit,
        room: PageLimit,
        now: Timestamp,
    ) -> ReadRequest {
        self.max_lines = window.rows.saturating_mul(LINES_PER_ROW);
        while let Some((_, key)) = self.retry_at.first().cloned().filter(|(at, _)| *at <= now) {
            self.retry_at.pop_first();
            self.head_is_due(&key);
        }
        let free = window.rows.saturating_sub(self.queued).min(room.rows).max(1);
        let fitting = (room.bytes / MIN_PART_BYTES).clamp(1, MAX_PARTS);
        let max_parts = if self.queued * 2 <= window.rows { fitting.min(free) } else { 0 };
        let mut parts = Vec::new();
        while parts.len() < max_parts
            && let Some(key) = self.to_read.pop_front()
        {
            let Some(line) = self.lines.get_mut(&key) else { continue };
            (line.is_to_be_read, line.is_being_read, line.grew_during_read) = (false, true, false);
            line.read_generation = self.generation;
            if line.read_up_to.is_none() {
                line.generation = self.generation;
            }
            parts.push(LineRange { key, after: line.read_up_to });
        }
        self.is_scanning = self.wants_scan(now);
        if self.is_scanning {
            self.scan_at = None;
        }
        self.finished_during_load.clear();
        self.reading.clone_from(&parts);
        let share = window.rows.div_ceil(LINE_FRACTION).min(free / parts.len().max(1)).max(1);
        ReadRequest {
            heads: self.is_scanning.then(|| self.cursor.clone()),
            heads_limit: HEADS_PER_LOAD,
            bytes: room.bytes / parts.len().max(1),
            lines: parts,
            rows: share,
        }
    }

    /// Notes that a load failed, or that its page was discarded. A scan continues at `at`.
    pub(in crate::engine::delivery::lane) fn load_failed(&mut self, at: Timestamp) {
        for part in std::mem::take(&mut self.reading) {
            if let Some(line) = self.lines.get_mut(&part.key) {
                line.is_being_read = false;
            }
            self.plan_read(&part.key);
        }
        if std::mem::take(&mut self.is_scanning) {
            self.scan_at = Some(at);
        }
    }

    /// Applies the heads that a load read, if it read a page of a scan.
    pub(in crate::engine::delivery::lane) fn apply_heads(
        &mut self,
        heads: &[Head],
        now: Timestamp,
    ) {
        if !std::mem::take(&mut self.is_scanning) {
            return;
        }
        for head in heads {
            self.compare_head(head);
        }
        match heads.last() {
            Some(last) if heads.len() >= HEADS_PER_LOAD => {
                self.cursor = Some(last.key.clone());
                self.scan_at = Some(now);
            }
            _ => {
                self.cursor = None;
                let overflow_retry_at = self.overflow_retry_at.take();
                self.scan_at = if std::mem::take(&mut self.scan_again) {
                    Some(now)
                } else {
                    overflow_retry_at
                };
            }
        }
    }

    /// Creates, restarts or updates the line of a key from its head.
    fn compare_head(&mut self, head: &Head) {
        if self.finished_during_load.contains(&head.key) || self.in_flight.contains_key(&head.id) {
            return;
        }
        let is_full = self.lines.len() >= self.max_lines;
        let Some(line) = self.lines.get(&head.key) else {
            if let (true, Readiness::Waits(at)) = (is_full, head.readiness) {
                self.overflow_retry_at =
                    Some(self.overflow_retry_at.map_or(at, |known| known.min(at)));
                return;
            }
            self.lines.insert(head.key.clone(), Line::new(Next::More, self.generation));
            self.follow_head(head);
            return;
        };
        let first = line.in_flight.or(line.queue.front().map(|open| open.id));
        match first {
            // An older delivery was redelivered: it goes first.
            Some(first) if head.id < first => self.restart(&head.key),
            Some(_) => {}
            None if line.is_to_be_read || line.is_being_read || line.has_attempts() => {}
            None => self.follow_head(head),
        }
    }

    /// Sets the state of an idle line from its key's head: to be read, waiting or held.
    fn follow_head(&mut self, head: &Head) {
        let Some(line) = self.lines.get_mut(&head.key) else { return };
        if let Next::Waits(at) = line.next {
            self.retry_at.remove(&(at, head.key.clone()));
        }
        line.read_up_to = None;
        match head.readiness {
            Readiness::Due => {
                line.next = Next::More;
                self.request_read(&head.key);
            }
            Readiness::Waits(at) => {
                line.next = Next::Waits(at);
                self.retry_at.insert((at, head.key.clone()));
            }
            Readiness::Held => line.next = Next::Held,
        }
    }

    /// Queues the deliveries of a line that was read, up to the first that `admit` refuses: it is
    /// in flight outside the line, or was recorded after the read. Then the line is read again at
    /// `again`.
    pub(in crate::engine::delivery::lane) fn apply_line(
        &mut self,
        page: ReadLine,
        mut admit: impl FnMut(&Open) -> bool,
        again: Timestamp,
    ) {
        let Some(line) = self.lines.get_mut(&page.key) else { return };
        line.is_being_read = false;
        // The line was restarted during the read, so the page does not continue it.
        if line.read_up_to != page.after || line.next != Next::More {
            self.plan_read(&page.key);
            return;
        }
        line.next = match page.next {
            Next::End if line.grew_during_read => Next::More,
            next => next,
        };
        for open in page.due {
            if !admit(&open) {
                line.next = Next::Waits(again);
                self.blocked.insert(page.key.clone());
                break;
            }
            line.read_up_to = Some(open.id);
            line.queue.push_back(open);
            self.queued += 1;
        }
        self.queue_turn(&page.key);
        self.plan_read(&page.key);
    }

    /// Notes that a load's page was applied. Lines that are missing from it are read again.
    pub(in crate::engine::delivery::lane) fn loaded(&mut self) {
        for part in std::mem::take(&mut self.reading) {
            if let Some(line) = self.lines.get_mut(&part.key).filter(|line| line.is_being_read) {
                line.is_being_read = false;
                self.plan_read(&part.key);
            }
        }
    }
}
