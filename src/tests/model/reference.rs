//! The reference: hooks and deliveries as plain lists, with their expected results. A `Pending`
//! delivery is completed by the next [`Reference::play`].

use service_hooks::domain::{delivery::State, event::EventType};

/// Attempts of a delivery until it has failed.
pub const TRIES: u32 = 3;

/// How a hook's receiver responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Well,
    Fails,
    Gone,
    /// Fails the first attempts of each event.
    FailsFirst(u32),
}

impl Manner {
    /// Its part of the callback URL's path: the receiver knows only the URL.
    pub fn word(self) -> String {
        match self {
            Self::Well => "well".to_owned(),
            Self::Fails => "fails".to_owned(),
            Self::Gone => "gone".to_owned(),
            Self::FailsFirst(count) => count.to_string(),
        }
    }

    pub fn of_path(path: &str) -> Self {
        match path.split('/').nth(1).unwrap() {
            "well" => Self::Well,
            "fails" => Self::Fails,
            "gone" => Self::Gone,
            count => Self::FailsFirst(count.parse().unwrap()),
        }
    }

    /// The response to this attempt of an event, counted from 1.
    pub fn status(self, attempt: u32) -> u16 {
        match self {
            Self::Well => 200,
            Self::Fails => 500,
            Self::Gone => 410,
            Self::FailsFirst(count) => {
                if attempt <= count {
                    500
                } else {
                    200
                }
            }
        }
    }
}

pub struct Hook {
    pub id: String,
    /// Of the callback URL.
    pub path: String,
    pub manner: Manner,
    pub event: EventType,
    pub is_on: bool,
    pub is_deleted: bool,
}

/// A delivery's state and its number of attempts.
pub type Stand = (State, u32);

pub struct Row {
    pub event: String,
    pub hook: usize,
    pub state: State,
    pub attempts: u32,
    tries_before: u32,
    /// Alternative results: the result of an interrupted operation depends on timing.
    or: Vec<Stand>,
}

#[derive(Default)]
pub struct Reference {
    pub hooks: Vec<Hook>,
    pub rows: Vec<Row>,
    /// Hooks that are off now because their receiver is gone, and their number of attempts before
    /// that.
    gone: Vec<(usize, u32)>,
}

impl Reference {
    pub fn living(&self) -> Vec<usize> {
        (0..self.hooks.len()).filter(|hook| !self.hooks[*hook].is_deleted).collect()
    }

    pub fn accept(&mut self, event_type: EventType, events: &[String]) {
        for event in events {
            for (hook, known) in self.hooks.iter().enumerate() {
                if known.event == event_type && !known.is_deleted {
                    let state = if known.is_on { State::Pending } else { State::Skipped };
                    let event = event.clone();
                    self.rows.push(Row {
                        event,
                        hook,
                        state,
                        attempts: 0,
                        tries_before: 0,
                        or: Vec::new(),
                    });
                }
            }
        }
    }

    pub fn slide(&mut self, hook: usize, is_on: bool) {
        self.hooks[hook].is_on = is_on;
        if is_on {
            self.turn(hook, State::Held, State::Pending);
        }
    }

    pub fn delete(&mut self, hook: usize) {
        self.hooks[hook].is_deleted = true;
        self.hooks[hook].is_on = false;
        self.turn(hook, State::Held, State::Cancelled);
    }

    fn turn(&mut self, hook: usize, from: State, to: State) {
        for row in self.rows.iter_mut().filter(|row| row.hook == hook && row.state == from) {
            row.state = to;
        }
    }

    /// Redelivers a settled delivery of a hook that is not deleted.
    pub fn again(&mut self, row: usize) {
        let row = &mut self.rows[row];
        assert!(row.state.is_final());
        row.state = if self.hooks[row.hook].is_on { State::Pending } else { State::Held };
        row.tries_before = row.attempts;
    }

    /// The missed deliveries of a hook.
    pub fn missed(&self, hook: usize) -> Vec<usize> {
        let is_missed =
            |row: &Row| row.hook == hook && row.state.is_final() && row.state != State::Delivered;
        (0..self.rows.len()).filter(|row| is_missed(&self.rows[*row])).collect()
    }

    /// Completes all open deliveries; those of the hook `cut` were interrupted at an unknown
    /// moment.
    pub fn play(&mut self, cut: Option<usize>) {
        self.gone.clear();
        for hook in 0..self.hooks.len() {
            let before = self.attempts(hook);
            let known = &mut self.hooks[hook];
            let (manner, is_cut) = (known.manner, cut == Some(hook));
            let stopped = if known.is_deleted { State::Cancelled } else { State::Held };
            let mut open: Vec<&mut Row> = self
                .rows
                .iter_mut()
                .filter(|row| row.hook == hook && row.state == State::Pending)
                .collect();
            if manner == Manner::Gone && !is_cut && !open.is_empty() {
                known.is_on = false;
                self.gone.push((hook, before));
            }
            // The first 410 stops the others.
            let may_stop = is_cut || (manner == Manner::Gone && open.len() > 1);
            for row in &mut open {
                let end = row.end(manner);
                row.or = if may_stop {
                    (row.attempts..end.1).map(|made| (stopped, made)).collect()
                } else {
                    Vec::new()
                };
                (row.state, row.attempts) = end;
            }
        }
    }

    /// Compares a delivery with the database; where alternatives are allowed it adopts the result
    /// found.
    pub fn adopt(&mut self, row: usize, found: Stand) -> Result<(), String> {
        let row = &mut self.rows[row];
        let expected = (row.state, row.attempts);
        let or = std::mem::take(&mut row.or);
        if found != expected && !or.contains(&found) {
            let path = &self.hooks[row.hook].path;
            return Err(format!(
                "{path} {}: {found:?}, and not {expected:?} or one of {or:?}",
                row.event
            ));
        }
        (row.state, row.attempts) = found;
        Ok(())
    }

    /// A hook that was turned off although its receiver got no request.
    pub fn gone_unasked(&self) -> Option<usize> {
        let is_unasked = |(hook, before): &(usize, u32)| self.attempts(*hook) == *before;
        self.gone.iter().find(|gone| is_unasked(gone)).map(|(hook, _)| *hook)
    }

    /// Is it random which deliveries were attempted before a receiver was gone?
    pub fn is_gone_undecided(&self) -> bool {
        let is_gone = |row: &Row| self.gone.iter().any(|(hook, _)| *hook == row.hook);
        self.rows.iter().any(|row| !row.or.is_empty() && is_gone(row))
    }

    /// Minimum number of attempts when everything is completed.
    pub fn least_attempts(&self) -> u32 {
        let least =
            |row: &Row| row.or.iter().map(|(_, made)| *made).chain([row.attempts]).min().unwrap();
        self.rows.iter().map(least).sum()
    }

    fn attempts(&self, hook: usize) -> u32 {
        self.rows.iter().filter(|row| row.hook == hook).map(|row| row.attempts).sum()
    }
}

impl Row {
    fn end(&self, manner: Manner) -> Stand {
        let mut attempt = self.attempts;
        loop {
            attempt += 1;
            match manner.status(attempt) {
                200 => return (State::Delivered, attempt),
                410 => return (State::Failed, attempt),
                _ if attempt - self.tries_before >= TRIES => return (State::Failed, attempt),
                _ => {}
            }
        }
    }
}
