//! The request that dismisses undelivered events.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        delivery::State,
        dismissal::{DISMISSIBLE, is_dismissible},
        id::HookId,
        invalid::Invalid,
        log::AnswerGroup,
    },
    http::api::v1::shapes::{keys::DeliveryState, time::Time},
    portal::ops::dismissals::Dismiss,
};

/// The state of what is dismissed. The error text completes "must be".
#[derive(Deserialize)]
#[serde(try_from = "DeliveryState")]
pub struct DismissibleState(State);

impl TryFrom<DeliveryState> for DismissibleState {
    type Error = &'static str;

    fn try_from(DeliveryState(state): DeliveryState) -> Result<Self, Self::Error> {
        if is_dismissible(state) { Ok(Self(state)) } else { Err(DISMISSIBLE) }
    }
}

/// The undelivered events of a hook that need not be sent.
#[derive(Deserialize, ToSchema)]
pub struct NewDismissal {
    /// `failed`, `skipped` or `held`.
    #[schema(value_type = String, required = true, example = "failed")]
    pub state: Option<DismissibleState>,
    /// Only deliveries whose last response was in this group, such as `5xx`, `timeout` or `none`.
    #[schema(required = false)]
    pub answer: Option<String>,
    /// Why they need not be sent: up to 200 characters. It is shown in the log.
    #[serde(default)]
    #[schema(max_length = 200, required = true)]
    pub reason: String,
    /// Only deliveries accepted before this time. Default: now.
    #[schema(value_type = Time, required = false)]
    pub until: Option<Time>,
}

impl NewDismissal {
    /// Called after the permission was checked, so what is missing is only reported here.
    pub fn of(self, hook: HookId) -> Result<Dismiss, Invalid> {
        let Some(DismissibleState(state)) = self.state else {
            return Err(Invalid::one("state", "required", format!("must be {DISMISSIBLE}")));
        };
        let answer = match self.answer.as_deref() {
            None => None,
            Some(key) => Some(AnswerGroup::from_key(key).ok_or_else(|| {
                Invalid::one("answer", "unknown", "must be a group of responses, such as 5xx")
            })?),
        };
        let until = self.until.map(|Time(until)| until);
        Ok(Dismiss { hook, state, answer, reason: self.reason, until })
    }
}
