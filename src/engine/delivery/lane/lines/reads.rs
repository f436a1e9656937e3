//! When lines are read from the database, what is asked for, and what comes of the answer.

use super::{LINES_A_ROW, Line, Lines, SHARE};
use crate::{
    domain::time::Timestamp,
    engine::store::{
        lines::{Ask, Head, Line as Read, Next, Part, Standing},
        open::Open,
        queue::Room,
    },
};

/// Keys that one pass looks at in one load.
const HEADS: usize = 500;
/// Lines that are read in one load.
const PARTS: usize = 64;
/// Room for each line that is read: a load with less room reads fewer lines.
const PART_BYTES: usize = 32 * 1024;

impl Lines {
    /// When time alone makes a load worth while.
    pub(in crate::engine::delivery::lane) fn wake_at(&self) -> Option<Timestamp> {
        self.pass_at.into_iter().chain(self.waits.first().map(|(at, _)| *at)).min()
    }

    /// Is it time to read from the database? A window that is more than half full needs nothing
    /// yet.
    pub(in crate::engine::delivery::lane) fn wants_load(
        &self,
        window: Room,
        now: Timestamp,
    ) -> bool {
        let has_room = self.queued * 2 <= window.rows;
        let is_time = self.waits.first().is_some_and(|(at, _)| *at <= now);
        has_room && (!self.wanted.is_empty() || is_time) || self.wants_pass(now)
    }

    fn wants_pass(&self, now: Timestamp) -> bool {
        self.wanted.len() < HEADS && self.pass_at.is_some_and(|at| at <= now)
    }

    /// A load begins that may bring so much. Says what it is to bring.
    pub(in crate::engine::delivery::lane) fn begin_load(
        &mut self,
        window: Room,
        room: Room,
        now: Timestamp,
    ) -> Ask {
        self.max_lines = window.rows.saturating_mul(LINES_A_ROW);
        while let Some((_, key)) = self.waits.first().cloned().filter(|(at, _)| *at <= now) {
            self.waits.pop_first();
            self.head_is_due(&key);
        }
        let free = window.rows.saturating_sub(self.queued).min(room.rows).max(1);
        let fitting = (room.bytes / PART_BYTES).clamp(1, PARTS);
        let most = if self.queued * 2 <= window.rows { fitting.min(free) } else { 0 };
        let mut parts = Vec::new();
        while parts.len() < most
            && let Some(key) = self.wanted.pop_front()
        {
            let Some(line) = self.lines.get_mut(&key) else { continue };
            (line.is_wanted, line.is_read, line.grew_during_read) = (false, true, false);
            line.read_generation = self.generation;
            if line.last.is_none() {
                line.generation = self.generation;
            }
            parts.push(Part { key, after: line.last });
        }
        self.is_passing = self.wants_pass(now);
        if self.is_passing {
            self.pass_at = None;
        }
        self.touched.clear();
        self.reading.clone_from(&parts);
        let share = window.rows.div_ceil(SHARE).min(free / parts.len().max(1)).max(1);
        Ask {
            heads: self.is_passing.then(|| self.cursor.clone()),
            heads_limit: HEADS,
            bytes: room.bytes / parts.len().max(1),
            lines: parts,
            rows: share,
        }
    }

    /// The load brought nothing that may be believed.
    pub(in crate::engine::delivery::lane) fn load_failed(&mut self, at: Timestamp) {
        for part in std::mem::take(&mut self.reading) {
            if let Some(line) = self.lines.get_mut(&part.key) {
                line.is_read = false;
            }
            self.read_on(&part.key);
        }
        if std::mem::take(&mut self.is_passing) {
            self.pass_at = Some(at);
        }
    }

    /// The load's heads, if it continued a pass.
    pub(in crate::engine::delivery::lane) fn passed(&mut self, heads: &[Head], now: Timestamp) {
        if !std::mem::take(&mut self.is_passing) {
            return;
        }
        for head in heads {
            self.compare_head(head);
        }
        match heads.last() {
            Some(last) if heads.len() >= HEADS => {
                self.cursor = Some(last.key.clone());
                self.pass_at = Some(now);
            }
            _ => {
                self.cursor = None;
                let left_out = self.left_out.take();
                self.pass_at =
                    if std::mem::take(&mut self.pass_again) { Some(now) } else { left_out };
            }
        }
    }

    fn compare_head(&mut self, head: &Head) {
        if self.touched.contains(&head.key) || self.under_way.contains_key(&head.id) {
            return;
        }
        let is_full = self.lines.len() >= self.max_lines;
        let Some(line) = self.lines.get(&head.key) else {
            if let (true, Standing::Waits(at)) = (is_full, head.standing) {
                self.left_out = Some(self.left_out.map_or(at, |known| known.min(at)));
                return;
            }
            self.lines.insert(head.key.clone(), Line::new(Next::More, self.generation));
            self.follow_head(head);
            return;
        };
        let first = line.busy.or(line.queue.front().map(|open| open.id));
        match first {
            // An older one was sent again: it goes in its place.
            Some(first) if head.id < first => self.restart(&head.key),
            Some(_) => {}
            None if line.is_wanted || line.is_read || line.is_under_way() => {}
            None => self.follow_head(head),
        }
    }

    /// Sets an idle line from its key's head: to be read, waiting or held.
    fn follow_head(&mut self, head: &Head) {
        let Some(line) = self.lines.get_mut(&head.key) else { return };
        if let Next::Waits(at) = line.next {
            self.waits.remove(&(at, head.key.clone()));
        }
        line.last = None;
        match head.standing {
            Standing::Due => {
                line.next = Next::More;
                self.want(&head.key);
            }
            Standing::Waits(at) => {
                line.next = Next::Waits(at);
                self.waits.insert((at, head.key.clone()));
            }
            Standing::Held => line.next = Next::Held,
        }
    }

    /// Queues the deliveries of a line that was read, up to the first that `admit` refuses: that
    /// one is in flight outside the line, or was recorded after the read. Then the line is read
    /// again at `again`.
    pub(in crate::engine::delivery::lane) fn read(
        &mut self,
        read: Read,
        mut admit: impl FnMut(&Open) -> bool,
        again: Timestamp,
    ) {
        let Some(line) = self.lines.get_mut(&read.key) else { return };
        line.is_read = false;
        // The line was restarted during the read: the page no longer continues it.
        if line.last != read.after || line.next != Next::More {
            self.read_on(&read.key);
            return;
        }
        line.next = match read.next {
            Next::End if line.grew_during_read => Next::More,
            next => next,
        };
        for open in read.due {
            if !admit(&open) {
                line.next = Next::Waits(again);
                self.held_up.insert(read.key.clone());
                break;
            }
            line.last = Some(open.id);
            line.queue.push_back(open);
            self.queued += 1;
        }
        self.turn(&read.key);
        self.read_on(&read.key);
    }

    /// The load is over: lines that it was to read and its page left out are read again.
    pub(in crate::engine::delivery::lane) fn loaded(&mut self) {
        for part in std::mem::take(&mut self.reading) {
            if let Some(line) = self.lines.get_mut(&part.key).filter(|line| line.is_read) {
                line.is_read = false;
                self.read_on(&part.key);
            }
        }
    }
}
