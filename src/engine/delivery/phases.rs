//! What an attempt spends its time on: look-up, connecting, TLS, waiting, reading. The client's parts that know when one
//! of these begins leave a mark here; they run inside the attempt's own future, so the marks find it as a task-local.
//! A connection that is finished in the background, or used again, leaves none, and that is said as such.

use std::{cell::RefCell, future::Future, time::Duration};

use tokio::task_local;

use crate::{domain::delivery::Timing, engine::clock::Stopwatch};

task_local! {
    static MARKS: RefCell<Marks>;
}

/// When each part began, counted from the attempt's beginning.
#[derive(Clone, Copy, Debug)]
struct Marks {
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
    LookingUp,
    LookedUp,
    /// A connection is being made: with the look-up of its name, and with TLS.
    Dialling,
    ShakingHands,
    Connected,
    /// Status and headers are there.
    Answered,
}

/// Runs an attempt and says what it spent its time on.
pub async fn timed<T>(watch: Stopwatch, attempt: impl Future<Output = T>) -> (T, Marked) {
    let marks = Marks {
        watch,
        looking_up: None,
        looked_up: None,
        dialling: None,
        shaking_hands: None,
        connected: None,
        answered: None,
    };
    let scope = async {
        let outcome = attempt.await;
        (outcome, MARKS.with(|marks| Marked { marks: *marks.borrow(), ended: watch.elapsed() }))
    };
    MARKS.scope(RefCell::new(marks), scope).await
}

/// Leaves a mark, if this runs inside an attempt.
pub fn mark(mark: Mark) {
    let _outside = MARKS.try_with(|marks| {
        let marks = &mut *marks.borrow_mut();
        let now = Some(marks.watch.elapsed());
        match mark {
            // A name with several addresses is still one look-up; a connection that was lost is made anew.
            Mark::LookingUp => (marks.looking_up, marks.looked_up) = (now, None),
            Mark::LookedUp => marks.looked_up = now,
            Mark::Dialling => (marks.dialling, marks.shaking_hands, marks.connected) = (now, None, None),
            Mark::ShakingHands => marks.shaking_hands = marks.shaking_hands.or(now),
            Mark::Connected => marks.connected = now,
            Mark::Answered => marks.answered = now,
        }
    });
}

/// The marks of an attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Marked {
    marks: Marks,
    ended: Duration,
}

impl Marked {
    /// How long each part took. The part that was under way at the end took until then.
    pub fn timing(&self) -> Timing {
        let Self { marks, ended } = *self;
        let micros = |from: Duration, to: Duration| i64::try_from(to.saturating_sub(from).as_micros()).ok();
        let dialled_from = if marks.looking_up.is_some() { marks.looked_up } else { marks.dialling };
        let connected_until = marks.shaking_hands.or(marks.connected).unwrap_or(ended);
        let was_sent = marks.dialling.is_none() || marks.connected.is_some();
        let sent_at = marks.connected.unwrap_or_default();
        Timing {
            dns: marks.looking_up.and_then(|from| micros(from, marks.looked_up.unwrap_or(ended))),
            connect: dialled_from.and_then(|from| micros(from, connected_until)),
            tls: marks.shaking_hands.and_then(|from| micros(from, marks.connected.unwrap_or(ended))),
            first_byte: micros(sent_at, marks.answered.unwrap_or(ended)).filter(|_| was_sent),
            body: marks.answered.and_then(|from| micros(from, ended)),
        }
    }

    /// What was under way when the time was up.
    pub fn under_way(&self) -> &'static str {
        let marks = &self.marks;
        match (marks.dialling, marks.connected) {
            (Some(_), None) if marks.looking_up.is_some() && marks.looked_up.is_none() => {
                "while the name was looked up"
            }
            (Some(_), None) if marks.shaking_hands.is_some() => "during the TLS handshake",
            (Some(_), None) => "while connecting",
            _ => "while waiting for the answer",
        }
    }
}
