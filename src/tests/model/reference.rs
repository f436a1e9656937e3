//! The reference: hooks and deliveries as plain lists, and what must become of them. A delivery
//! that is `Pending` here is one that the next [`Reference::play`] sends to its end.

use service_hooks::domain::{delivery::State, event::EventType};

/// First attempt and retries of a delivery, until it has failed.
pub const TRIES: u32 = 3;

/// How a hook's receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Well,
    Fails,
    Gone,
    /// Fails so many attempts of each event.
    FailsFirst(u32),
}

impl Manner {
    /// Its part of the callback URL's path: the receiver knows no more than the URL.
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

    /// The answer to this attempt of an event, counted from 1.
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

/// A delivery's state and how many attempts were made.
pub type Stand = (State, u32);

pub struct Row {
    pub event: String,
    pub hook: usize,
    pub state: State,
    pub attempts: u32,
    tries_before: u32,
    /// What is as right: not everything is decided by what was asked for, when it was asked for in
    /// the middle.
    or: Vec<Stand>,
}

#[derive(Default)]
pub struct Reference {
    pub hooks: Vec<Hook>,
    pub rows: Vec<Row>,
    /// Hooks that are off by now because their receiver is gone, and how many attempts they had
    /// before they heard it.
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

    /// Sends a settled delivery of a hook that is not deleted again.
    pub fn again(&mut self, row: usize) {
        let row = &mut self.rows[row];
        assert!(row.state.is_final());
        row.state = if self.hooks[row.hook].is_on { State::Pending } else { State::Held };
        row.tries_before = row.attempts;
    }

    /// What a hook missed.
    pub fn missed(&self, hook: usize) -> Vec<usize> {
        let is_missed =
            |row: &Row| row.hook == hook && row.state.is_final() && row.state != State::Delivered;
        (0..self.rows.len()).filter(|row| is_missed(&self.rows[*row])).collect()
    }

    /// Everything that is open comes to its end; but what the hook `cut` had open was cut short at
    /// an unknown moment.
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
            // The first answer of one that is gone stops the others.
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

    /// Compares a delivery with what was found; of what is as right it takes what was found.
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

    /// A hook that was switched off although its receiver was not asked.
    pub fn gone_unasked(&self) -> Option<usize> {
        let is_unasked = |(hook, before): &(usize, u32)| self.attempts(*hook) == *before;
        self.gone.iter().find(|gone| is_unasked(gone)).map(|(hook, _)| *hook)
    }

    /// Has chance decided who was told that a receiver is gone?
    pub fn is_gone_undecided(&self) -> bool {
        let is_gone = |row: &Row| self.gone.iter().any(|(hook, _)| *hook == row.hook);
        self.rows.iter().any(|row| !row.or.is_empty() && is_gone(row))
    }

    /// Attempts that there must have been when everything is at its end.
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
