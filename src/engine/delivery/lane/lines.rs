//! Ordered deliveries in memory: a line (a FIFO queue) for each ordering key with open deliveries.
//! The head of a line is sent, and the next delivery follows once the receiver has accepted it. So
//! a key never has two requests in flight. (Some may be delivered but not recorded yet. After a
//! crash these are sent again, in order.) A line whose head waits for its retry queues nothing else
//! and does not delay any other line.
//!
//! A line is the oldest part of its key's open deliveries, read from the database page by page. An
//! offered delivery joins its line only if the line is known to have all older ones; otherwise a
//! later read finds it. Keys without a line are found by scans: paged reads of the heads of all
//! keys. `line` is one line, `reads` decides what loads read.

mod line;
mod reads;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use line::Line;

use crate::{
    domain::{id::DeliveryId, time::Timestamp},
    engine::store::{
        lines::{LineRange, Next},
        open::{Key, Open},
        queue::PageLimit,
    },
};

/// One read of a line brings at most `1 / LINE_FRACTION` of the window, so that the window has room
/// for many keys. A line with at most a quarter of `LINE_FRACTION` deliveries left is low: it is
/// read further.
const LINE_FRACTION: usize = 32;
/// Deliveries of one key that may be delivered but not recorded: up to this many are repeated after
/// a crash.
const MAX_UNRECORDED: usize = 32;
/// Lines in memory per row of the window. A line without deliveries takes little: a key and a time.
const LINES_PER_ROW: usize = 4;

/// All lines of one lane, and the progress of their reads.
#[derive(Default)]
pub(super) struct Lines {
    lines: HashMap<Key, Line>,
    /// Attempts in flight: their key, and whether they are delivered but not recorded yet.
    in_flight: HashMap<DeliveryId, (Key, bool)>,
    /// The round-robin queue of lines whose head can be sent.
    ready: VecDeque<Key>,
    /// The queue of lines that a load has to read.
    to_read: VecDeque<Key>,
    /// Lines whose head waits for its retry, by its due time.
    retry_at: BTreeSet<(Timestamp, Key)>,
    /// Deliveries queued in all lines.
    queued: usize,
    /// When the next scan, or the next page of a scan, is due; `None`: every key with open
    /// deliveries has a line.
    scan_at: Option<Timestamp>,
    /// The last key that the current scan has seen; `None`: no scan is between two pages.
    cursor: Option<Key>,
    /// Deliveries may have appeared at keys that the current scan has already seen: another scan
    /// follows.
    scan_again: bool,
    /// The earliest retry among keys that got no line because there are too many lines.
    overflow_retry_at: Option<Timestamp>,
    /// Keys whose line is blocked by a delivery that is in flight outside the lines, because it was
    /// sent before ordering was switched on.
    blocked: HashSet<Key>,
    /// Incremented whenever deliveries may have appeared that were not offered. Lines that were
    /// read at an earlier generation may be incomplete.
    generation: u64,
    /// The lines that the load under way reads.
    reading: Vec<LineRange>,
    /// The load under way reads a page of a scan.
    is_scanning: bool,
    /// Keys with an attempt that finished since the load began, so that the heads it reads may be
    /// out of date.
    finished_during_load: HashSet<Key>,
    /// The most lines in memory.
    max_lines: usize,
    /// Deliveries that left their line unsent, for [`Lines::dropped`].
    dropped: Vec<DeliveryId>,
}

impl Lines {
    /// Queues a delivery that was just committed, if its line is known to have all older ones.
    /// `false`: it stays in the database, and a load will find it.
    pub(super) fn offer(
        &mut self,
        open: &Open,
        has_room: bool,
        window: PageLimit,
        now: Timestamp,
    ) -> bool {
        let Some(key) = open.order_key.clone() else { return false };
        let has_all_keys = self.scan_at.is_none() && !self.is_scanning;
        if !self.lines.contains_key(&key) {
            if self.lines.len() >= window.rows.saturating_mul(LINES_PER_ROW) {
                self.note_more(now);
                return false;
            }
            let next = if has_all_keys && has_room { Next::End } else { Next::More };
            self.lines.insert(key.clone(), Line::new(next, self.generation));
        }
        let Some(line) = self.lines.get_mut(&key) else { return false };
        line.grew_during_read |= line.is_being_read;
        // Since the end of the line was read, older deliveries may have appeared that were not
        // offered.
        if line.next == Next::End && line.read_generation != self.generation {
            line.next = Next::More;
            self.plan_read(&key);
            return false;
        }
        if line.next != Next::End {
            if line.next == Next::More && line.queue.is_empty() {
                self.request_read(&key);
            }
            return false;
        }
        // After the clock was set back, new ids sort before older ones.
        if line.read_up_to.is_some_and(|last| last > open.id) {
            self.restart(&key);
            return false;
        }
        if !has_room {
            line.next = Next::More;
            if line.queue.is_empty() {
                self.request_read(&key);
            }
            return false;
        }
        line.read_up_to = Some(open.id);
        line.queue.push_back(open.clone());
        self.queued += 1;
        self.queue_turn(&key);
        true
    }

    /// Notes that from `at` on any key may have deliveries that were not offered.
    pub(super) fn note_more(&mut self, at: Timestamp) {
        self.generation += 1;
        if self.is_scanning || self.cursor.is_some() {
            self.scan_again = true;
        } else {
            self.scan_at = Some(self.scan_at.map_or(at, |known| known.min(at)));
        }
    }

    /// Notes that an attempt outside the lines finished: blocked lines are read again.
    pub(super) fn unlined_finished(&mut self) {
        for key in std::mem::take(&mut self.blocked) {
            if let Some(line) =
                self.lines.get_mut(&key).filter(|line| matches!(line.next, Next::Waits(_)))
            {
                line.next = Next::More;
            }
            self.plan_read(&key);
        }
    }

    /// Drops everything except attempts in flight, and starts a new scan.
    pub(super) fn reset(&mut self, now: Timestamp) {
        let queued = self.lines.values().flat_map(|line| line.queue.iter().map(|open| open.id));
        self.dropped.extend(queued);
        self.lines.retain(|_, line| line.has_attempts());
        for line in self.lines.values_mut() {
            let (in_flight, unrecorded) = (line.in_flight, line.unrecorded);
            *line = Line { in_flight, unrecorded, ..Line::new(Next::More, self.generation) };
        }
        self.ready.clear();
        self.to_read.clear();
        self.retry_at.clear();
        self.blocked.clear();
        self.queued = 0;
        (self.cursor, self.overflow_retry_at, self.scan_again) = (None, None, false);
        self.reading.clear();
        self.is_scanning = false;
        self.note_more(now);
    }

    /// Takes the deliveries that left their line unsent since the last call.
    pub(super) fn dropped(&mut self) -> Vec<DeliveryId> {
        std::mem::take(&mut self.dropped)
    }

    /// Takes the next delivery to send.
    pub(super) fn pop(&mut self) -> Option<Open> {
        while let Some(key) = self.ready.pop_front() {
            let Some(line) = self.lines.get_mut(&key) else { continue };
            line.is_ready = false;
            let Some(open) = line.queue.pop_front() else { continue };
            self.queued -= 1;
            line.in_flight = Some(open.id);
            self.in_flight.insert(open.id, (key.clone(), false));
            self.plan_read(&key);
            return Some(open);
        }
        None
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Notes that the receiver accepted a delivery, which is being recorded: the next one of its
    /// key may be sent.
    pub(super) fn delivered(&mut self, id: DeliveryId) {
        let Some((key, is_delivered)) = self.in_flight.get_mut(&id) else { return };
        let Some(line) = self.lines.get_mut(key).filter(|line| line.unrecorded < MAX_UNRECORDED)
        else {
            return;
        };
        if line.in_flight != Some(id) {
            return;
        }
        *is_delivered = true;
        (line.in_flight, line.unrecorded) = (None, line.unrecorded + 1);
        let key = key.clone();
        self.queue_turn(&key);
        self.plan_read(&key);
    }

    /// Notes that an attempt was recorded, or that recording was given up. `due_at`: when its retry
    /// is due. `false`: the delivery does not belong to a line.
    pub(super) fn finished(&mut self, id: DeliveryId, due_at: Option<Timestamp>) -> bool {
        let Some((key, was_delivered)) = self.in_flight.remove(&id) else { return false };
        if self.is_scanning || !self.reading.is_empty() {
            self.finished_during_load.insert(key.clone());
        }
        let Some(line) = self.lines.get_mut(&key) else { return true };
        if was_delivered {
            line.unrecorded = line.unrecorded.saturating_sub(1);
        } else {
            line.in_flight = None;
        }
        if let Some(at) = due_at {
            self.drop_queue(&key, Next::Waits(at));
            self.retry_at.insert((at, key));
        } else {
            self.queue_turn(&key);
            self.plan_read(&key);
        }
        true
    }

    /// Drops a line's queue; its deliveries stay open in the database.
    fn drop_queue(&mut self, key: &Key, next: Next) {
        let Some(line) = self.lines.get_mut(key) else { return };
        self.queued -= line.queue.len();
        self.dropped.extend(line.queue.drain(..).map(|open| open.id));
        (line.read_up_to, line.next) = (None, next);
        if std::mem::take(&mut line.is_ready) {
            self.ready.retain(|ready| ready != key);
        }
    }

    /// Queues a line for its turn, if it has a delivery to send and none in flight.
    fn queue_turn(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key) else { return };
        if line.in_flight.is_none() && !line.queue.is_empty() && !line.is_ready {
            line.is_ready = true;
            self.ready.push_back(key.clone());
        }
    }

    /// Decides what a line that is low needs: a further read, a timer, or removal because its key
    /// has no open deliveries.
    fn plan_read(&mut self, key: &Key) {
        let (generation, is_low) =
            (self.generation, |line: &Line| line.queue.len() <= LINE_FRACTION / 4);
        let Some(line) = self.lines.get_mut(key).filter(|line| is_low(line)) else { return };
        let is_idle = line.is_idle();
        match line.next {
            Next::More if line.read_up_to.is_some() || is_idle => self.request_read(key),
            // Since the last read, older deliveries may have appeared, a held one may have been
            // released, or a retry brought forward: read from the head.
            Next::End | Next::Held | Next::Waits(_) if is_idle && line.generation != generation => {
                (line.read_up_to, line.next) = (None, Next::More);
                self.request_read(key);
            }
            Next::Waits(at) if is_idle => {
                line.read_up_to = None;
                self.retry_at.insert((at, key.clone()));
            }
            Next::End if is_idle && !line.is_being_read => drop(self.lines.remove(key)),
            _ => {}
        }
    }

    /// The retry at the head of a line is due: read the line from its head.
    fn head_is_due(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key).filter(|line| line.in_flight.is_none()) else {
            return;
        };
        (line.read_up_to, line.next) = (None, Next::More);
        self.request_read(key);
    }

    /// Reads the line from its head again, once none of its deliveries is in flight.
    fn restart(&mut self, key: &Key) {
        self.drop_queue(key, Next::More);
        if let Some(line) = self.lines.get_mut(key) {
            // A read under way may have begun before the older delivery was committed. An outdated
            // generation makes `plan_read` read once more.
            line.generation = self.generation.wrapping_sub(1);
        }
        self.plan_read(key);
    }

    /// Queues a line to be read by the next load.
    fn request_read(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key) else { return };
        if !line.is_to_be_read && !line.is_being_read {
            line.is_to_be_read = true;
            self.to_read.push_back(key.clone());
        }
    }
}
