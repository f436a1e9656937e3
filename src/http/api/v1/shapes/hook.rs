//! Hooks in API responses.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    keys::EventTypeKey,
    page::page,
    time::{Time, Wait},
};
use crate::{
    domain::{health::Health, hook::Hook, hook_status::HookStatus, measured::Outcomes},
    portal::ops::overview::Statuses,
};

/// A hook: one event type, sent to one URL.
#[derive(Serialize, ToSchema)]
#[schema(as = Hook)]
pub struct HookShape {
    pub id: Uuid,
    #[schema(examples("CRM callbacks"))]
    pub name: String,
    pub event_type: EventTypeKey,
    #[schema(examples("https://crm.example.com/hooks"))]
    pub callback_url: String,
    /// Whether events are sent to it.
    pub enabled: bool,
    /// Why the portal turned it off automatically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_reason: Option<String>,
    /// The last characters of the API key. The key itself is never returned.
    #[schema(examples("••••a91f"))]
    pub api_key_hint: String,
    /// The waits before the retries. Null: the server's default.
    #[schema(required = true)]
    pub retry_schedule: Option<Vec<Wait>>,
    /// The timeout of one attempt. Null: the server's default.
    #[schema(required = true)]
    pub timeout: Option<Wait>,
    /// The maximum number of concurrent attempts. Null: the server's default.
    #[schema(required = true)]
    pub in_flight: Option<u32>,
    /// The maximum number of attempts started per second. Null: the server's default.
    #[schema(required = true)]
    pub rate_per_second: Option<u32>,
    /// The field of the payload that is the ordering key: events with the same value are delivered
    /// one after the other. Null: no order.
    #[schema(required = true)]
    pub order_by: Option<String>,
    pub health: HealthShape,
    pub created_at: Time,
    pub updated_at: Time,
    /// Incremented by every change. Send it with an update to detect concurrent changes (409).
    pub version: i64,
    /// The secret that signs the deliveries. Only in the response to the hook's creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// A possible problem with the accepted hook, such as a host name that doesn't resolve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// The health of a hook's receiver.
#[derive(Serialize, ToSchema)]
#[schema(as = HookHealth)]
pub struct HealthShape {
    pub state: HealthState,
    /// Failed attempts since the last success.
    pub failures_in_a_row: u32,
    #[schema(required = true)]
    pub failing_since: Option<Time>,
    #[schema(required = true)]
    pub paused_since: Option<Time>,
    /// When the next probe of a paused hook is due.
    #[schema(required = true)]
    pub next_probe_at: Option<Time>,
    /// The receiver asked for no requests before this time (429 or 503 with Retry-After).
    #[schema(required = true)]
    pub waits_until: Option<Time>,
}

/// `degraded`: the last attempt failed, or fewer than 95 % of at least 20 attempts in the last 24
/// hours succeeded. `throttled`: the receiver asked for a pause, see `waits_until`. `paused`: too
/// many attempts failed; only probes are sent. `off`: the hook is not enabled.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    Healthy,
    Degraded,
    Throttled,
    Paused,
    Off,
}

impl HealthShape {
    fn new(status: HookStatus, health: Health) -> Self {
        let state = match status {
            HookStatus::Off | HookStatus::SwitchedOff => HealthState::Off,
            HookStatus::Paused => HealthState::Paused,
            HookStatus::Throttled => HealthState::Throttled,
            HookStatus::Degraded => HealthState::Degraded,
            HookStatus::Healthy | HookStatus::Quiet => HealthState::Healthy,
        };
        Self {
            state,
            failures_in_a_row: health.failures,
            failing_since: health.failing_since.map(Time),
            paused_since: health.paused.map(|pause| Time(pause.since)),
            next_probe_at: health.paused.map(|pause| Time(pause.probe_at)),
            waits_until: health.waits_until.map(Time),
        }
    }
}

impl HookShape {
    pub fn with_status(hook: Hook, statuses: &Statuses) -> Self {
        let health = statuses.health.get(&hook.id).copied().unwrap_or_default();
        Self { health: HealthShape::new(statuses.of(&hook), health), ..hook.into() }
    }
}

impl From<Hook> for HookShape {
    fn from(hook: Hook) -> Self {
        // A new hook: nothing was sent yet.
        let status =
            HookStatus::of(&hook, &Health::default(), &Outcomes::default(), hook.updated_at);
        let waits = |waits: Vec<_>| waits.into_iter().map(Wait).collect();
        Self {
            id: hook.id.0,
            name: hook.name,
            event_type: EventTypeKey(hook.event_type),
            callback_url: hook.callback_url,
            enabled: hook.enabled,
            off_reason: hook.off_reason,
            api_key_hint: hook.api_key_hint,
            retry_schedule: hook.tuning.retry_schedule.map(waits),
            timeout: hook.tuning.timeout.map(Wait),
            in_flight: hook.tuning.in_flight,
            rate_per_second: hook.tuning.rate_per_second,
            order_by: hook.tuning.order_by,
            health: HealthShape::new(status, Health::default()),
            created_at: Time(hook.created_at),
            updated_at: Time(hook.updated_at),
            version: hook.version,
            signing_secret: None,
            warning: None,
        }
    }
}

page! {
    /// A page of hooks.
    HookPage of HookShape
}
