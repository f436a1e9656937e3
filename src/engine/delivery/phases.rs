//! Timing of an attempt's phases: DNS lookup, TCP connect, TLS, waiting for the response, reading
//! the body. The code calls [`Phases::mark`] when a phase begins. An attempt on a reused connection
//! has none of the first three.

use std::time::Duration;

use crate::{domain::delivery::Timing, engine::clock::Stopwatch};

/// When each phase began, relative to the start of the attempt.
#[derive(Clone, Copy, Debug)]
pub struct Phases {
    watch: Stopwatch,
    lookup_started: Option<Duration>,
    lookup_done: Option<Duration>,
    dial_started: Option<Duration>,
    tls_started: Option<Duration>,
    connected: Option<Duration>,
    response_started: Option<Duration>,
}

/// A point that an attempt has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Opening a connection begins: lookup, TCP and TLS.
    DialStarted,
    LookupStarted,
    LookupDone,
    TlsStarted,
    Connected,
    /// Status and headers have arrived.
    ResponseStarted,
}

impl Phases {
    /// `watch` was started with the attempt.
    pub fn new(watch: Stopwatch) -> Self {
        Self {
            watch,
            lookup_started: None,
            lookup_done: None,
            dial_started: None,
            tls_started: None,
            connected: None,
            response_started: None,
        }
    }

    pub fn mark(&mut self, mark: Mark) {
        let now = Some(self.watch.elapsed());
        match mark {
            Mark::DialStarted => *self = Self { dial_started: now, ..Self::new(self.watch) },
            Mark::LookupStarted => self.lookup_started = now,
            Mark::LookupDone => self.lookup_done = now,
            Mark::TlsStarted => self.tls_started = now,
            Mark::Connected => self.connected = now,
            Mark::ResponseStarted => self.response_started = now,
        }
    }

    /// Time from the start of the attempt to the response in milliseconds; without a response, the
    /// time spent so far.
    pub fn response_ms(&self) -> i64 {
        let took = self.response_started.unwrap_or_else(|| self.watch.elapsed());
        i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
    }

    /// Duration of each phase. The current phase is counted until now.
    pub fn timing(&self) -> Timing {
        let now = self.watch.elapsed();
        let micros =
            |from: Duration, to: Duration| i64::try_from(to.saturating_sub(from).as_micros()).ok();
        let connect_started =
            if self.lookup_started.is_some() { self.lookup_done } else { self.dial_started };
        let connect_ended = self.tls_started.or(self.connected).unwrap_or(now);
        let was_sent = self.dial_started.is_none() || self.connected.is_some();
        let sent_at = self.connected.unwrap_or_default();
        Timing {
            dns: self.lookup_started.and_then(|from| micros(from, self.lookup_done.unwrap_or(now))),
            connect: connect_started.and_then(|from| micros(from, connect_ended)),
            tls: self.tls_started.and_then(|from| micros(from, self.connected.unwrap_or(now))),
            first_byte: micros(sent_at, self.response_started.unwrap_or(now)).filter(|_| was_sent),
            body: self.response_started.and_then(|from| micros(from, now)),
        }
    }

    /// Whether the DNS lookup has begun and not ended.
    pub fn is_looking_up(&self) -> bool {
        self.lookup_started.is_some() && self.lookup_done.is_none()
    }

    /// The current phase in words, for the `detail` of an attempt that timed out.
    /// `view::words::failure` matches these words.
    pub fn current_phase(&self) -> &'static str {
        match (self.dial_started, self.connected) {
            (Some(_), None) if self.is_looking_up() => "while the name was looked up",
            (Some(_), None) if self.tls_started.is_some() => "during the TLS handshake",
            (Some(_), None) => "while connecting",
            _ => "while waiting for the answer",
        }
    }
}
