//! Behaviours of receivers: healthy, slow, down for days, rate limited.

use std::time::Duration;

use service_hooks::domain::delivery::Answer;

use super::rng::Rng;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// The engine's timeout for a response.
const TIMEOUT: i64 = 15_000;

/// The behaviour of a receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Receiver {
    Healthy,
    /// Healthy and failing in turns of this length.
    Flapping(i64),
    Slow,
    Hanging,
    Failing,
    /// Asks for fewer requests, with a time.
    Busy,
    /// Accepts a limited number of requests per second; holds the current second and its count.
    /// Others are rejected, with or without a time.
    Quota {
        per_second: u32,
        second: i64,
        taken: u32,
        says_when: bool,
    },
    /// Responds 429 or 503 to everything, without a time.
    Overloaded,
    /// Refuses connections until then.
    DownUntil(i64),
    /// Responds 410 from time to time.
    Leaving,
}

/// A response, and its delay.
pub struct Reply {
    pub after: i64,
    pub answer: Answer,
    pub retry_after: Option<Duration>,
}

impl Receiver {
    pub fn random(rng: &mut Rng, now: i64) -> Self {
        match rng.below(15) {
            0..4 => Self::Healthy,
            4 => Self::Flapping(rng.between(MINUTE, 5 * HOUR)),
            5 => Self::Slow,
            6 | 7 => Self::Hanging,
            8 => Self::Failing,
            9 => Self::Busy,
            10 => Self::DownUntil(now + rng.between(HOUR, 72 * HOUR)),
            11 | 12 => {
                let per_second = if rng.once_in(2) { 5 } else { rng.between(1, 100) as u32 };
                Self::Quota { per_second, second: 0, taken: 0, says_when: !rng.once_in(3) }
            }
            13 => Self::Overloaded,
            _ => Self::Leaving,
        }
    }

    pub fn reply(&mut self, rng: &mut Rng, now: i64) -> Reply {
        let soon = rng.between(5, 120);
        let say = |status| Reply { after: soon, answer: Answer::Status(status), retry_after: None };
        if let Self::Quota { per_second, second, taken, says_when } = self {
            if *second != now / 1000 {
                (*second, *taken) = (now / 1000, 0);
            }
            *taken += 1;
            let retry_after = says_when.then_some(Duration::from_secs(1));
            return if *taken <= *per_second {
                say(200)
            } else {
                Reply { retry_after, ..say(429) }
            };
        }
        match *self {
            Self::Healthy | Self::Quota { .. } => say(200),
            Self::Overloaded => say(if rng.once_in(2) { 429 } else { 503 }),
            Self::Flapping(turn) if (now / turn) % 2 == 0 => say(200),
            Self::Flapping(_) | Self::Failing => say(500),
            Self::Slow => Reply { after: rng.between(2000, TIMEOUT - 1), ..say(200) },
            Self::Hanging => Reply { after: TIMEOUT, answer: Answer::Timeout, retry_after: None },
            Self::Busy if rng.once_in(3) => say(200),
            Self::Busy => {
                let longest = if rng.once_in(20) { 48 * HOUR } else { 5 * MINUTE };
                let wait = Duration::from_millis(rng.between(0, longest).unsigned_abs());
                Reply { retry_after: Some(wait), ..say(if rng.once_in(2) { 429 } else { 503 }) }
            }
            Self::DownUntil(end) if now >= end => say(204),
            Self::DownUntil(_) => {
                Reply { after: rng.between(0, 5), answer: Answer::ConnectFailed, retry_after: None }
            }
            Self::Leaving if rng.once_in(100) => say(410),
            Self::Leaving => say(200),
        }
    }
}
