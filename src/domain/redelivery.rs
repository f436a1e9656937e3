//! What can be done with a delivery now: one decision for its page, lists, the confirmation page,
//! the API and the command line.

use serde::{Deserialize, Serialize};

use super::{
    delivery::{Answer, Delivery, State},
    time::Timestamp,
};

/// What a person can do with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// It is settled: send it again, with a new retry schedule.
    Redeliver,
    /// It waits or is held: make an attempt now, before it is due.
    TryNow,
}

/// Why nothing can be done with a delivery now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Its hook was deleted.
    HookDeleted,
    /// It is a test.
    Test,
    /// Retention removed the payload.
    NoPayload,
    /// The first attempt is due.
    Pending,
    /// It waits for a hook that is off.
    HookOff,
}

/// What can be done with a delivery. `is_on` is its hook's switch; `None`: the hook was deleted.
/// An off hook allows a redelivery: the event is held until the hook is turned on.
pub fn possible(
    delivery: &Delivery,
    is_on: Option<bool>,
    has_payload: bool,
) -> Result<Act, Refusal> {
    let is_on = is_on.ok_or(Refusal::HookDeleted)?;
    match delivery.state {
        _ if delivery.is_test => Err(Refusal::Test),
        _ if !has_payload => Err(Refusal::NoPayload),
        State::Pending => Err(Refusal::Pending),
        State::Held | State::Waiting if !is_on => Err(Refusal::HookOff),
        State::Held | State::Waiting => Ok(Act::TryNow),
        State::Delivered | State::Failed | State::Skipped | State::Cancelled => Ok(Act::Redeliver),
    }
}

/// The hook of a delivery, as far as it decides what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookNow {
    On,
    /// Its receiver asked for no requests before this time.
    Throttled(Timestamp),
    /// The circuit breaker is open.
    Paused,
    /// `is_gone`: the server turned it off, because the receiver returned 410.
    Off {
        is_gone: bool,
    },
    Deleted,
}

/// The action that helps a delivery most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remedy {
    TryNow,
    Redeliver,
    TurnOn,
    EditUrl,
}

/// The one action to offer first, of those that the reader may carry out. `act` is what the reader
/// can do with the delivery, `may_write`: the reader may change hooks.
pub fn remedy(
    delivery: &Delivery,
    hook: HookNow,
    act: Option<Act>,
    may_write: bool,
) -> Option<Remedy> {
    let is_settled = matches!(delivery.state, State::Delivered | State::Cancelled);
    if delivery.is_test || is_settled || hook == HookNow::Deleted {
        return None;
    }
    match (hook, act) {
        (HookNow::Off { .. }, _) if !may_write => None,
        (HookNow::Off { is_gone: true }, _) => Some(Remedy::EditUrl),
        (HookNow::Off { is_gone: false }, _) => Some(Remedy::TurnOn),
        (_, Some(Act::TryNow)) => Some(Remedy::TryNow),
        (_, Some(Act::Redeliver)) if delivery.state == State::Failed && may_write => {
            let needs_url = delivery.last_answer.is_some_and(blames_url);
            Some(if needs_url { Remedy::EditUrl } else { Remedy::Redeliver })
        }
        (_, Some(Act::Redeliver)) => Some(Remedy::Redeliver),
        (_, None) => None,
    }
}

/// The answer says that the callback URL is wrong.
fn blames_url(answer: Answer) -> bool {
    matches!(
        answer,
        Answer::Status(300..=399 | 404 | 405 | 410) | Answer::DnsFailed | Answer::AddressRefused
    )
}

impl Refusal {
    /// The error code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::HookDeleted => "deleted",
            Self::Test => "test",
            Self::NoPayload => "pruned",
            Self::Pending => "open",
            Self::HookOff => "off",
        }
    }

    /// The reason and the next step, without the refusal itself.
    pub fn reason(self) -> &'static str {
        match self {
            Self::HookDeleted => "The hook was deleted.",
            Self::Test => "Tests can't be redelivered. Send a new test.",
            Self::NoPayload => "The payload was removed after the retention period.",
            Self::Pending => "The first attempt is still pending.",
            Self::HookOff => "The hook is off. Turn it on to send the event.",
        }
    }

    /// The whole sentence.
    pub fn sentence(self) -> String {
        match self {
            Self::Test => self.reason().to_owned(),
            Self::HookDeleted | Self::NoPayload => {
                format!("You can't redeliver this. {}", self.reason())
            }
            Self::Pending => format!("You can't redeliver this yet. {}", self.reason()),
            // The event is sent as soon as the hook is on: that is the next step, not a redelivery.
            Self::HookOff => self.reason().to_owned(),
        }
    }
}
