//! Deliveries and attempts in API responses.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    keys::{AttemptClass, DeliveryState, EventTypeKey},
    page::page,
    time::Time,
};
use crate::{
    domain::delivery::{Attempt, Delivery, Timing},
    engine::store::forward::Forward,
    view::words::failure::diagnose,
};

/// One event on its way to one hook.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryShape {
    pub id: Uuid,
    pub event_id: Uuid,
    pub hook_id: Uuid,
    pub event_type: EventTypeKey,
    pub state: DeliveryState,
    /// The reason for this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it is a test.
    pub test: bool,
    pub attempt_count: u32,
    #[schema(required = true)]
    pub last_class: Option<AttemptClass>,
    /// The HTTP status of the last response.
    #[schema(required = true)]
    pub last_status: Option<u16>,
    #[schema(required = true)]
    pub last_duration_ms: Option<i64>,
    #[schema(required = true)]
    pub next_attempt_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
    /// Only in responses with a single delivery or event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<AttemptShape>>,
}

impl From<Delivery> for DeliveryShape {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.0,
            event_id: delivery.event_id.0,
            hook_id: delivery.hook_id.0,
            event_type: EventTypeKey(delivery.event_type),
            state: DeliveryState(delivery.state),
            reason: delivery.reason,
            test: delivery.is_test,
            attempt_count: delivery.attempts,
            last_class: delivery.last_answer.map(AttemptClass::from),
            last_status: delivery.last_answer.and_then(|answer| answer.status()),
            last_duration_ms: delivery.last_duration_ms,
            next_attempt_at: delivery.due_at.map(Time),
            created_at: Time(delivery.created_at),
            updated_at: Time(delivery.updated_at),
            attempts: None,
        }
    }
}

impl DeliveryShape {
    pub fn with_attempts(delivery: Delivery, attempts: Vec<Attempt>) -> Self {
        Self {
            attempts: Some(attempts.into_iter().map(AttemptShape::from).collect()),
            ..delivery.into()
        }
    }
}

/// One request to the receiver, and its response.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptShape {
    pub number: u32,
    pub started_at: Time,
    pub duration_ms: i64,
    pub class: AttemptClass,
    /// The HTTP status of the response.
    #[schema(required = true)]
    pub status: Option<u16>,
    /// The exact error, such as the error of the TLS handshake.
    #[schema(required = true)]
    pub detail: Option<String>,
    /// What the result means and what to do next.
    pub advice: String,
    pub url: String,
    /// Pairs of name and value.
    #[schema(value_type = Vec<Vec<String>>)]
    pub response_headers: Vec<(String, String)>,
    pub response_body: String,
    /// Whether the stored response is truncated.
    pub response_cut: bool,
    pub timing: TimingShape,
    /// The receiver's IP address and port, if one was reached.
    #[schema(required = true)]
    pub address: Option<String>,
}

/// The phases of an attempt in microseconds. Null: the attempt did not get that far, or it reused
/// an existing connection.
#[derive(Serialize, ToSchema)]
#[schema(as = AttemptTiming)]
pub struct TimingShape {
    #[schema(required = true)]
    pub dns_us: Option<i64>,
    #[schema(required = true)]
    pub connect_us: Option<i64>,
    #[schema(required = true)]
    pub tls_us: Option<i64>,
    #[schema(required = true)]
    pub first_byte_us: Option<i64>,
    #[schema(required = true)]
    pub body_us: Option<i64>,
}

impl From<Timing> for TimingShape {
    fn from(timing: Timing) -> Self {
        let Timing { dns, connect, tls, first_byte, body } = timing;
        Self {
            dns_us: dns,
            connect_us: connect,
            tls_us: tls,
            first_byte_us: first_byte,
            body_us: body,
        }
    }
}

impl From<Attempt> for AttemptShape {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at: Time(attempt.started_at),
            duration_ms: attempt.duration_ms,
            class: attempt.answer.into(),
            status: attempt.answer.status(),
            advice: diagnose(attempt.answer, attempt.detail.as_deref()).both(),
            detail: attempt.detail,
            url: attempt.url,
            response_headers: attempt.response_headers,
            response_body: attempt.response_body,
            response_cut: attempt.response_cut,
            timing: attempt.timing.into(),
            address: attempt.address,
        }
    }
}

/// The deliveries that are tried now.
#[derive(Serialize, ToSchema)]
#[schema(as = TryNow)]
pub struct TryNowShape {
    /// Deliveries that waited for a retry, and those held by the paused hook.
    pub brought_forward: i64,
    /// There are more deliveries; counting stopped at `brought_forward`.
    pub or_more: bool,
}

impl From<Forward> for TryNowShape {
    fn from(forward: Forward) -> Self {
        Self { brought_forward: forward.deliveries, or_more: forward.or_more }
    }
}

page! {
    /// A page of deliveries.
    DeliveryPage of DeliveryShape
}
