//! A hook that keeps an order, in memory: a line (a FIFO queue) for each ordering key that has open
//! deliveries. The head of a line is sent; the next follows once the receiver has it, so one key
//! never has two requests under way. (Some may be delivered and not yet recorded. If the process
//! ends just then, they are sent once more, in their order.) A line whose head waits for its retry
//! holds nothing else in memory, and does not delay any other line.
//!
//! A line is the oldest part of its key's open deliveries, read from the database and continued
//! from where it ends. A delivery that is offered joins its line only if the line has everything
//! before it; otherwise reading on finds it. Keys without a line are found by passes: paged scans
//! over the heads of all keys.

mod reads;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::{
    domain::{id::DeliveryId, time::Timestamp},
    engine::store::{
        lines::{Next, Part},
        open::{Key, Open},
        queue::Room,
    },
};

/// One line reads at most `1 / SHARE` of the window at once, so that the window has room for many
/// keys. A line with no more than a quarter of `SHARE` deliveries left is read on.
const SHARE: usize = 32;
/// Deliveries of one key that may be delivered and not yet on record: as many may come again after
/// a crash.
const UNRECORDED: usize = 32;
/// Lines in memory, for each row of the window. A line without deliveries is its key and a time.
const LINES_A_ROW: usize = 4;

/// One key.
struct Line {
    queue: VecDeque<Open>,
    /// The newest that was read; `None`: it has to be read from its beginning.
    last: Option<DeliveryId>,
    next: Next,
    /// The delivery whose request is under way.
    busy: Option<DeliveryId>,
    /// How many before that one are delivered and being recorded.
    unrecorded: usize,
    /// The key is in [`Lines::ready`].
    is_ready: bool,
    /// The key is in [`Lines::wanted`].
    is_wanted: bool,
    /// The load under way reads it.
    is_read: bool,
    /// A delivery of this key was committed during the read, which may not have seen it.
    grew_during_read: bool,
    /// [`Lines::generation`] when it was last read from its beginning.
    generation: u64,
    /// [`Lines::generation`] when it was last read at all.
    read_generation: u64,
}

impl Line {
    fn new(next: Next, generation: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            last: None,
            next,
            busy: None,
            unrecorded: 0,
            is_ready: false,
            is_wanted: false,
            is_read: false,
            grew_during_read: false,
            generation,
            read_generation: generation,
        }
    }

    /// Nothing of it is under way, nor waits in memory for its turn.
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.is_under_way()
    }

    fn is_under_way(&self) -> bool {
        self.busy.is_some() || self.unrecorded > 0
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Lines {
    lines: HashMap<Key, Line>,
    /// What is in flight, and whether it is delivered and only being recorded.
    under_way: HashMap<DeliveryId, (Key, bool)>,
    /// Lines whose head could be sent, in the order of their turns.
    ready: VecDeque<Key>,
    /// Lines that a load has to read.
    wanted: VecDeque<Key>,
    /// Lines whose head waits for its retry, by its due time.
    waits: BTreeSet<(Timestamp, Key)>,
    /// Deliveries queued in all lines.
    queued: usize,
    /// When the next pass over all keys, or the next page of one, is due; `None`: every open key
    /// has its line.
    pass_at: Option<Timestamp>,
    /// The last key that the pass under way has seen.
    cursor: Option<Key>,
    /// Deliveries may have appeared at keys that the pass under way has seen already: another pass
    /// follows.
    pass_again: bool,
    /// The earliest retry of a key that has no line because there were too many.
    left_out: Option<Timestamp>,
    /// Keys of which something is under way that was sent before the hook kept an order.
    held_up: HashSet<Key>,
    /// Counts how often deliveries may have appeared that were not offered: a line read before is
    /// possibly incomplete.
    generation: u64,
    /// The lines that the load under way reads.
    reading: Vec<Part>,
    /// The load under way reads a page of the pass.
    is_passing: bool,
    /// Keys with an attempt that ended since the load began: its heads may be out of date for them.
    touched: HashSet<Key>,
    /// How many keys may have a line.
    max_lines: usize,
    /// Deliveries that left the queues unsent; [`Lines::dropped`] takes them.
    dropped: Vec<DeliveryId>,
}

impl Lines {
    /// Queues a delivery that was just committed, if its line is certain to have everything before
    /// it. False: it stays in the database, and a load will find it.
    pub(super) fn offer(
        &mut self,
        open: &Open,
        has_room: bool,
        window: Room,
        now: Timestamp,
    ) -> bool {
        let Some(key) = open.order_key.clone() else { return false };
        let knows_all = self.pass_at.is_none() && !self.is_passing;
        if !self.lines.contains_key(&key) {
            if self.lines.len() >= window.rows.saturating_mul(LINES_A_ROW) {
                self.note_more(now);
                return false;
            }
            let next = if knows_all && has_room { Next::End } else { Next::More };
            self.lines.insert(key.clone(), Line::new(next, self.generation));
        }
        let Some(line) = self.lines.get_mut(&key) else { return false };
        line.grew_during_read |= line.is_read;
        // Since its end was read something may have come that was not offered, and goes before
        // this.
        if line.next == Next::End && line.read_generation != self.generation {
            line.next = Next::More;
            self.read_on(&key);
            return false;
        }
        if line.next != Next::End {
            if line.next == Next::More && line.queue.is_empty() {
                self.want(&key);
            }
            return false;
        }
        // A clock that was set back makes ids that sort before those that are here.
        if line.last.is_some_and(|last| last > open.id) {
            self.restart(&key);
            return false;
        }
        if !has_room {
            line.next = Next::More;
            if line.queue.is_empty() {
                self.want(&key);
            }
            return false;
        }
        line.last = Some(open.id);
        line.queue.push_back(open.clone());
        self.queued += 1;
        self.turn(&key);
        true
    }

    /// From `at` on something may be there that was not offered: of any key.
    pub(super) fn note_more(&mut self, at: Timestamp) {
        self.generation += 1;
        if self.is_passing || self.cursor.is_some() {
            self.pass_again = true;
        } else {
            self.pass_at = Some(self.pass_at.map_or(at, |known| known.min(at)));
        }
    }

    /// Something ended that belongs to no line: those that wait for such a delivery are read again.
    pub(super) fn other_finished(&mut self) {
        for key in std::mem::take(&mut self.held_up) {
            if let Some(line) =
                self.lines.get_mut(&key).filter(|line| matches!(line.next, Next::Waits(_)))
            {
                line.next = Next::More;
            }
            self.read_on(&key);
        }
    }

    /// Forgets everything but what is under way.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let queued = self.lines.values().flat_map(|line| line.queue.iter().map(|open| open.id));
        self.dropped.extend(queued);
        self.lines.retain(|_, line| line.is_under_way());
        for line in self.lines.values_mut() {
            let (busy, unrecorded) = (line.busy, line.unrecorded);
            *line = Line { busy, unrecorded, ..Line::new(Next::More, self.generation) };
        }
        self.ready.clear();
        self.wanted.clear();
        self.waits.clear();
        self.held_up.clear();
        self.queued = 0;
        (self.cursor, self.left_out, self.pass_again) = (None, None, false);
        self.reading.clear();
        self.is_passing = false;
        self.note_more(now);
    }

    /// The deliveries that left the queues unsent since the last call.
    pub(super) fn dropped(&mut self) -> Vec<DeliveryId> {
        std::mem::take(&mut self.dropped)
    }

    /// The next to be sent.
    pub(super) fn pop(&mut self) -> Option<Open> {
        while let Some(key) = self.ready.pop_front() {
            let Some(line) = self.lines.get_mut(&key) else { continue };
            line.is_ready = false;
            let Some(open) = line.queue.pop_front() else { continue };
            self.queued -= 1;
            line.busy = Some(open.id);
            self.under_way.insert(open.id, (key.clone(), false));
            self.read_on(&key);
            return Some(open);
        }
        None
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The receiver has what is under way, and that is being recorded: the next may go.
    pub(super) fn delivered(&mut self, id: DeliveryId) {
        let Some((key, is_delivered)) = self.under_way.get_mut(&id) else { return };
        let Some(line) = self.lines.get_mut(key).filter(|line| line.unrecorded < UNRECORDED) else {
            return;
        };
        if line.busy != Some(id) {
            return;
        }
        *is_delivered = true;
        (line.busy, line.unrecorded) = (None, line.unrecorded + 1);
        let key = key.clone();
        self.turn(&key);
        self.read_on(&key);
    }

    /// An attempt was recorded, or failed to be. `due_at`: when the delivery is tried again. False:
    /// it belongs to no line.
    pub(super) fn finished(&mut self, id: DeliveryId, due_at: Option<Timestamp>) -> bool {
        let Some((key, was_delivered)) = self.under_way.remove(&id) else { return false };
        if self.is_passing || !self.reading.is_empty() {
            self.touched.insert(key.clone());
        }
        let Some(line) = self.lines.get_mut(&key) else { return true };
        if was_delivered {
            line.unrecorded = line.unrecorded.saturating_sub(1);
        } else {
            line.busy = None;
        }
        if let Some(at) = due_at {
            self.drop_queue(&key, Next::Waits(at));
            self.waits.insert((at, key));
        } else {
            self.turn(&key);
            self.read_on(&key);
        }
        true
    }

    /// Whatever of a line is in memory stays in the database.
    fn drop_queue(&mut self, key: &Key, next: Next) {
        let Some(line) = self.lines.get_mut(key) else { return };
        self.queued -= line.queue.len();
        self.dropped.extend(line.queue.drain(..).map(|open| open.id));
        (line.last, line.next) = (None, next);
        if std::mem::take(&mut line.is_ready) {
            self.ready.retain(|ready| ready != key);
        }
    }

    /// A line with something to send, of which nothing is under way, gets its turn.
    fn turn(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key) else { return };
        if line.busy.is_none() && !line.queue.is_empty() && !line.is_ready {
            line.is_ready = true;
            self.ready.push_back(key.clone());
        }
    }

    /// Decides what a line that runs low needs: another read, a timer, or to be removed because its
    /// key has nothing open.
    fn read_on(&mut self, key: &Key) {
        let (generation, is_low) = (self.generation, |line: &Line| line.queue.len() <= SHARE / 4);
        let Some(line) = self.lines.get_mut(key).filter(|line| is_low(line)) else { return };
        let is_idle = line.is_idle();
        match line.next {
            Next::More if line.last.is_some() || is_idle => self.want(key),
            // Something may have come from elsewhere that sorts before what was read last; what was
            // held may have been released, and what waited brought forward.
            Next::End | Next::Held | Next::Waits(_) if is_idle && line.generation != generation => {
                (line.last, line.next) = (None, Next::More);
                self.want(key);
            }
            Next::Waits(at) if is_idle => {
                line.last = None;
                self.waits.insert((at, key.clone()));
            }
            Next::End if is_idle && !line.is_read => drop(self.lines.remove(key)),
            _ => {}
        }
    }

    /// The retry at the head of a line is due: the line is read from its beginning.
    fn head_is_due(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key).filter(|line| line.busy.is_none()) else { return };
        (line.last, line.next) = (None, Next::More);
        self.want(key);
    }

    /// The line is read from its beginning, once nothing of it is under way.
    fn restart(&mut self, key: &Key) {
        self.drop_queue(key, Next::More);
        if let Some(line) = self.lines.get_mut(key) {
            // The read under way may have begun before the older delivery was committed: `read_on`
            // reads once more.
            line.generation = self.generation.wrapping_sub(1);
        }
        self.read_on(key);
    }

    fn want(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key) else { return };
        if !line.is_wanted && !line.is_read {
            line.is_wanted = true;
            self.wanted.push_back(key.clone());
        }
    }
}
