//! What the API's answers look like.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::{
        delivery::{Attempt, Delivery, Timing},
        failure::diagnose,
        health::Health,
        hook::Hook,
    },
    server::ops::{self, events::EventStory},
};

#[derive(Serialize, ToSchema)]
pub struct HookShape {
    id: Uuid,
    name: String,
    event_type: &'static str,
    callback_url: String,
    enabled: bool,
    /// Why the portal itself switched it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    off_reason: Option<String>,
    /// The end of the key: the key itself is never read back.
    api_key_hint: String,
    /// Its own settings; null where the operator's hold. Durations are written `5s`, `2m`, `250ms`.
    retry_schedule: Option<Vec<String>>,
    timeout: Option<String>,
    in_flight: Option<u32>,
    rate_per_second: Option<u32>,
    /// The member of the body within whose values deliveries are made strictly in order.
    order_by: Option<String>,
    health: HealthShape,
    created_at: String,
    updated_at: String,
    version: i64,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// What was accepted although it may not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// How its receiver does.
#[derive(Serialize, ToSchema)]
pub struct HealthShape {
    /// healthy, degraded, paused or off
    state: &'static str,
    failures_in_a_row: u32,
    failing_since: Option<String>,
    paused_since: Option<String>,
    next_probe_at: Option<String>,
    /// The receiver asked to be left alone until then (429 or 503 with Retry-After).
    waits_until: Option<String>,
}

impl HealthShape {
    fn new(is_on: bool, health: Health) -> Self {
        let state = match (is_on, health.paused, health.failures) {
            (false, ..) => "off",
            (true, Some(_), _) => "paused",
            (true, None, 0) => "healthy",
            (true, None, _) => "degraded",
        };
        Self {
            state,
            failures_in_a_row: health.failures,
            failing_since: health.failing_since.map(|at| at.rfc3339()),
            paused_since: health.paused.map(|pause| pause.since.rfc3339()),
            next_probe_at: health.paused.map(|pause| pause.probe_at.rfc3339()),
            waits_until: health.waits_until.map(|at| at.rfc3339()),
        }
    }
}

impl HookShape {
    pub fn with_health(hook: Hook, health: Health) -> Self {
        Self { health: HealthShape::new(hook.enabled, health), ..hook.into() }
    }
}

impl From<Hook> for HookShape {
    fn from(hook: Hook) -> Self {
        Self {
            id: hook.id.0,
            name: hook.name,
            event_type: hook.event_type.key(),
            callback_url: hook.callback_url,
            enabled: hook.enabled,
            off_reason: hook.off_reason,
            api_key_hint: hook.api_key_hint,
            retry_schedule: hook
                .tuning
                .retry_schedule
                .map(|waits| waits.into_iter().map(ops::tuning::spelled).collect()),
            timeout: hook.tuning.timeout.map(ops::tuning::spelled),
            in_flight: hook.tuning.in_flight,
            rate_per_second: hook.tuning.rate_per_second,
            order_by: hook.tuning.order_by,
            health: HealthShape::new(hook.enabled, Health::default()),
            created_at: hook.created_at.rfc3339(),
            updated_at: hook.updated_at.rfc3339(),
            version: hook.version,
            signing_secret: None,
            warning: None,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct DeliveryShape {
    id: Uuid,
    event_id: Uuid,
    hook_id: Uuid,
    event_type: &'static str,
    /// pending, waiting, held, delivered, failed, skipped or cancelled
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    test: bool,
    attempt_count: u32,
    last_class: Option<&'static str>,
    last_status: Option<u16>,
    last_duration_ms: Option<i64>,
    next_attempt_at: Option<String>,
    created_at: String,
    updated_at: String,
    /// Only where one delivery or one event is looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptShape>>,
}

impl From<Delivery> for DeliveryShape {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.0,
            event_id: delivery.event_id.0,
            hook_id: delivery.hook_id.0,
            event_type: delivery.event_type.key(),
            state: delivery.state.key(),
            reason: delivery.reason,
            test: delivery.is_test,
            attempt_count: delivery.attempts,
            last_class: delivery.last_answer.map(|answer| answer.class()),
            last_status: delivery.last_answer.and_then(|answer| answer.status()),
            last_duration_ms: delivery.last_duration_ms,
            next_attempt_at: delivery.due_at.map(|at| at.rfc3339()),
            created_at: delivery.created_at.rfc3339(),
            updated_at: delivery.updated_at.rfc3339(),
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

#[derive(Serialize, ToSchema)]
pub struct AttemptShape {
    number: u32,
    started_at: String,
    duration_ms: i64,
    class: &'static str,
    status: Option<u16>,
    detail: Option<String>,
    /// What it means and what to do.
    advice: String,
    url: String,
    response_headers: Vec<(String, String)>,
    response_body: String,
    /// More came back than is kept.
    response_cut: bool,
    timing: TimingShape,
    /// The address that was reached, where one was.
    address: Option<String>,
}

/// What an attempt spent its time on, in microseconds; null where it did not come to that or a
/// connection was used again.
#[derive(Serialize, ToSchema)]
pub struct TimingShape {
    dns_us: Option<i64>,
    connect_us: Option<i64>,
    tls_us: Option<i64>,
    first_byte_us: Option<i64>,
    body_us: Option<i64>,
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
            started_at: attempt.started_at.rfc3339(),
            duration_ms: attempt.duration_ms,
            class: attempt.answer.class(),
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

#[derive(Serialize, ToSchema)]
pub struct EventShape {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    test: bool,
    /// Who emitted it.
    source: String,
    created_at: String,
    /// The body, byte for byte; absent without `payloads:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    data: Option<Box<RawValue>>,
    deliveries: Vec<DeliveryShape>,
}

impl From<EventStory> for EventShape {
    fn from(story: EventStory) -> Self {
        let EventStory { event, body, deliveries, .. } = story;
        let data = body
            .and_then(|body| RawValue::from_string(String::from_utf8(body.to_vec()).ok()?).ok());
        Self {
            id: event.id.0,
            kind: event.event_type.key(),
            test: event.is_test,
            source: event.source,
            created_at: event.created_at.rfc3339(),
            data,
            deliveries: deliveries
                .into_iter()
                .map(|(delivery, tries)| DeliveryShape::with_attempts(delivery, tries))
                .collect(),
        }
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Give it back as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}
