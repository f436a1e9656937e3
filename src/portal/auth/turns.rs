//! A fair queue for password checks. Each check takes 19 MiB and tens of milliseconds, so only a
//! few run at once and the rest wait. Each network has a line of its own and the lines are served
//! in turn, so that a flood from one network delays that network and hardly anybody else. Known
//! browsers (see [`browser`](super::browser)) come before strangers, who have every fourth turn at
//! least.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Checks that run at once.
const AT_ONCE: usize = 2;
/// Places in one line, and in all lines together.
const IN_LINE: usize = 16;
const IN_ALL: usize = 512;
/// Turns of known browsers after which a stranger has one.
const IN_A_ROW: usize = 3;

/// Whose line it is. Networks are strangers and are served after the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The id of a browser that has signed in to the account before.
    KnownBrowser(String),
    /// An IPv4 address or an IPv6 site.
    Network(IpAddr),
    /// Somebody who was let in already: making users, the set-up link, commands.
    Portal,
}

impl Who {
    fn is_stranger(&self) -> bool {
        matches!(self, Self::Network(_))
    }
}

/// No place is free in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooBusy;

struct Line {
    who: Who,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Turns that were not a stranger's, since the last that was.
    in_a_row: usize,
    /// None is empty. A line that was served goes to the end.
    lines: VecDeque<Line>,
}

/// The queue. Clones share one state.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<State>>);

/// The right to run a check, until it is dropped.
pub struct Turn(Turns);

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn.
    pub async fn take(&self, who: Who) -> Result<Turn, TooBusy> {
        let waiting = {
            let mut state = self.lock();
            if state.running < AT_ONCE {
                state.running += 1;
                return Ok(Turn(self.clone()));
            }
            state.wait(who)?
        };
        waiting.await.map_err(|_| TooBusy)
    }
}

impl State {
    fn wait(&mut self, who: Who) -> Result<oneshot::Receiver<Turn>, TooBusy> {
        // Requests whose client hung up give up their places.
        self.lines.iter_mut().for_each(|line| line.waiting.retain(|one| !one.is_closed()));
        self.lines.retain(|line| !line.waiting.is_empty());
        let own =
            self.lines.iter().find(|line| line.who == who).map_or(0, |line| line.waiting.len());
        let all: usize = self.lines.iter().map(|line| line.waiting.len()).sum();
        if own >= IN_LINE || (all >= IN_ALL && !self.dismiss_one(own)) {
            return Err(TooBusy);
        }
        let (sender, receiver) = oneshot::channel();
        match self.lines.iter_mut().find(|line| line.who == who) {
            Some(line) => line.waiting.push_back(sender),
            None => self.lines.push_back(Line { who, waiting: VecDeque::from([sender]) }),
        }
        Ok(receiver)
    }

    /// Frees a place: the last one of the longest line of strangers, if that is longer than `own`.
    fn dismiss_one(&mut self, own: usize) -> bool {
        let strangers = self.lines.iter_mut().filter(|line| line.who.is_stranger());
        let longest =
            strangers.max_by_key(|line| line.waiting.len()).filter(|line| line.waiting.len() > own);
        longest.is_some_and(|line| line.waiting.pop_back().is_some())
    }

    /// Takes the next one out of the first line that is not of strangers, or of strangers if it is
    /// their turn.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let is_strangers = self.in_a_row >= IN_A_ROW;
        let at =
            self.lines.iter().position(|line| line.who.is_stranger() == is_strangers).unwrap_or(0);
        let mut line = self.lines.remove(at)?;
        self.in_a_row = if line.who.is_stranger() { 0 } else { self.in_a_row + 1 };
        let next = line.waiting.pop_front();
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let Some(next) = state.next() else {
            state.running -= 1;
            return;
        };
        drop(state);
        // If the receiver has hung up, the turn comes back, is dropped here, and so goes to the
        // next in line.
        let _unused = next.send(Turn(self.0.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn network(number: u8) -> Who {
        Who::Network(IpAddr::from([10, 0, 0, number]))
    }

    type Waiting = Pin<Box<dyn Future<Output = Result<Turn, TooBusy>>>>;

    /// Begins to wait.
    fn waiting(turns: &Turns, who: Who) -> Waiting {
        let turns = turns.clone();
        let mut waiting: Waiting = Box::pin(async move { turns.take(who).await });
        assert!(poll(&mut waiting).is_none());
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Option<Result<Turn, TooBusy>> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    fn now(turns: &Turns, who: Who) -> Option<Result<Turn, TooBusy>> {
        match pin!(turns.take(who)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    fn taken(turns: &Turns) -> Vec<Turn> {
        (0..AT_ONCE).map(|_| now(turns, Who::Portal).unwrap().unwrap()).collect()
    }

    #[test]
    fn a_flood_of_one_network_delays_another_by_one_turn() {
        let turns = Turns::default();
        let mut held = taken(&turns);
        let mut flood: Vec<Waiting> = (0..IN_LINE).map(|_| waiting(&turns, network(1))).collect();
        assert_eq!(now(&turns, network(1)).unwrap().err(), Some(TooBusy));
        let mut other = waiting(&turns, network(2));
        let mut known = waiting(&turns, Who::KnownBrowser("ann".into()));
        held.pop();
        let first = poll(&mut known).unwrap().unwrap();
        drop(first);
        let second = poll(&mut flood[0]).unwrap().unwrap();
        drop(second);
        assert!(poll(&mut other).is_some());
    }

    #[test]
    fn known_browsers_do_not_keep_strangers_out() {
        let turns = Turns::default();
        let mut held = taken(&turns);
        let mut known: Vec<Waiting> =
            (0..20).map(|number| waiting(&turns, Who::KnownBrowser(number.to_string()))).collect();
        let mut stranger = waiting(&turns, network(1));
        held.pop();
        for known in &mut known[..IN_A_ROW] {
            drop(poll(known).unwrap().unwrap());
        }
        assert!(poll(&mut stranger).is_some());
    }

    #[test]
    fn when_all_places_are_taken_the_network_with_the_most_makes_room() {
        let turns = Turns::default();
        let _held = taken(&turns);
        let full = u8::try_from(IN_ALL / IN_LINE).unwrap();
        let mut floods: Vec<Waiting> = (0..full)
            .flat_map(|number| (0..IN_LINE).map(move |_| number))
            .map(|n| waiting(&turns, network(n)))
            .collect();
        let _newcomer = waiting(&turns, network(200));
        let dismissed = floods.iter_mut().filter_map(poll).filter(|turn| turn.is_err()).count();
        assert_eq!(dismissed, 1);
    }

    #[test]
    fn whoever_hangs_up_keeps_no_turn_and_no_place() {
        let turns = Turns::default();
        let held = taken(&turns);
        for _ in 0..IN_LINE * 3 {
            drop(waiting(&turns, network(1)));
        }
        let mut last = waiting(&turns, network(2));
        drop(held);
        let turn = poll(&mut last).unwrap().unwrap();
        drop(turn);
        assert_eq!(turns.lock().running, 0);
        assert_eq!(taken(&turns).len(), AT_ONCE);
    }
}
