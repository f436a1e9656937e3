//! What an attempt spends its time on: look-up, connecting, TLS, waiting, reading. Each part leaves
//! a mark when it begins. A connection that is used again leaves none of the first three, and that
//! is said as such.

use std::time::Duration;

use crate::{domain::delivery::Timing, engine::clock::Stopwatch};

/// When each part began, counted from the attempt's beginning.
#[derive(Clone, Copy, Debug)]
pub struct Phases {
    watch: Stopwatch,
    looking_up: Option<Duration>,
    looked_up: Option<Duration>,
    dialling: Option<Duration>,
    shaking_hands: Option<Duration>,
    connected: Option<Duration>,
    answered: Option<Duration>,
}

/// Something that an attempt has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A connection is being made: with the look-up of its name, and with TLS.
    Dialling,
    LookingUp,
    LookedUp,
    ShakingHands,
    Connected,
    /// Status and headers are there.
    Answered,
}

impl Phases {
    /// An attempt begins now.
    pub fn new(watch: Stopwatch) -> Self {
        Self {
            watch,
            looking_up: None,
            looked_up: None,
            dialling: None,
            shaking_hands: None,
            connected: None,
            answered: None,
        }
    }

    pub fn mark(&mut self, mark: Mark) {
        let now = Some(self.watch.elapsed());
        match mark {
            Mark::Dialling => *self = Self { dialling: now, ..Self::new(self.watch) },
            Mark::LookingUp => self.looking_up = now,
            Mark::LookedUp => self.looked_up = now,
            Mark::ShakingHands => self.shaking_hands = now,
            Mark::Connected => self.connected = now,
            Mark::Answered => self.answered = now,
        }
    }

    /// What the receiver needed to answer, in milliseconds; without an answer, how long it was
    /// waited for.
    pub fn millis(&self) -> i64 {
        let took = self.answered.unwrap_or_else(|| self.watch.elapsed());
        i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
    }

    /// How long each part took. The part that is under way took until now.
    pub fn timing(&self) -> Timing {
        let now = self.watch.elapsed();
        let micros =
            |from: Duration, to: Duration| i64::try_from(to.saturating_sub(from).as_micros()).ok();
        let dialled_from = if self.looking_up.is_some() { self.looked_up } else { self.dialling };
        let connected_until = self.shaking_hands.or(self.connected).unwrap_or(now);
        let was_sent = self.dialling.is_none() || self.connected.is_some();
        let sent_at = self.connected.unwrap_or_default();
        Timing {
            dns: self.looking_up.and_then(|from| micros(from, self.looked_up.unwrap_or(now))),
            connect: dialled_from.and_then(|from| micros(from, connected_until)),
            tls: self.shaking_hands.and_then(|from| micros(from, self.connected.unwrap_or(now))),
            first_byte: micros(sent_at, self.answered.unwrap_or(now)).filter(|_| was_sent),
            body: self.answered.and_then(|from| micros(from, now)),
        }
    }

    /// The name is still being looked up.
    pub fn is_looking_up(&self) -> bool {
        self.looking_up.is_some() && self.looked_up.is_none()
    }

    /// What is under way, for an attempt whose time is up.
    pub fn under_way(&self) -> &'static str {
        match (self.dialling, self.connected) {
            (Some(_), None) if self.is_looking_up() => "while the name was looked up",
            (Some(_), None) if self.shaking_hands.is_some() => "during the TLS handshake",
            (Some(_), None) => "while connecting",
            _ => "while waiting for the answer",
        }
    }
}
