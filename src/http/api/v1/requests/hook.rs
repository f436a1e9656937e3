//! Requests about hooks. Types are checked here; values are validated by `domain::hook`.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    domain::hook::{HookForm, HookPatch, TuningPatch},
    http::api::v1::shapes::{
        keys::EventTypeKey,
        time::{Schedule, Wait},
    },
};

/// Adds the delivery settings to a request. Both requests have the same, and `serde(flatten)` would
/// hide their names from the check for unknown fields.
macro_rules! hook_request {
    ($(#[$about:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$about])*
        #[derive(Deserialize, ToSchema)]
        pub struct $name {
            $($fields)*
            /// The waits before the retries. Null: the server's default.
            #[schema(value_type = Option<Vec<Wait>>, max_items = 30)]
            pub retry_schedule: Option<Option<Schedule>>,
            /// The timeout of one attempt, from 100 ms to 60 s. Null: the server's default.
            #[schema(value_type = Option<Wait>)]
            pub timeout: Option<Option<Wait>>,
            /// The maximum number of concurrent attempts. Null: the server's default.
            #[schema(value_type = Option<u32>, minimum = 1, maximum = 256)]
            pub in_flight: Option<Option<u32>>,
            /// The maximum number of attempts started per second. Null: the server's default.
            #[schema(value_type = Option<u32>, minimum = 1, maximum = 10000)]
            pub rate_per_second: Option<Option<u32>>,
            /// The field of the payload that is the ordering key: events with the same value are
            /// delivered one after the other. Null: no order.
            #[schema(value_type = Option<String>)]
            pub order_by: Option<Option<String>>,
        }

        impl $name {
            fn tuning(&self) -> TuningPatch {
                let waits = |plan: &Schedule| plan.0.clone();
                let schedule = self.retry_schedule.as_ref();
                TuningPatch {
                    retry_schedule: schedule.map(|plan| plan.as_ref().map(waits)),
                    timeout: self.timeout.map(|timeout| timeout.map(|Wait(timeout)| timeout)),
                    in_flight: self.in_flight,
                    rate_per_second: self.rate_per_second,
                    order_by: self.order_by.clone(),
                }
            }
        }
    };
}

hook_request! {
/// A hook to create.
pub struct HookCreate {
    /// A name that people recognise.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 100, examples("CRM callbacks"))]
    pub name: String,
    #[serde(default)]
    #[schema(required = true, value_type = EventTypeKey)]
    pub event_type: String,
    /// Events are sent here with POST. It must be HTTPS and reachable from this server.
    #[serde(default)]
    #[schema(
        required = true,
        format = "uri",
        max_length = 2048,
        examples("https://crm.example.com/hooks")
    )]
    pub callback_url: String,
    /// Sent in `x-api-key`, so that the receiver can verify the sender: visible ASCII characters.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 512, pattern = "^[!-~]+$", write_only)]
    pub api_key: String,
    /// Whether events are sent to it.
    #[serde(default)]
    #[schema(default = false)]
    pub enabled: bool,
}
}

impl HookCreate {
    pub fn parts(self) -> (HookForm, TuningPatch) {
        let tuning = self.tuning();
        let form = HookForm {
            name: self.name,
            event_type: self.event_type,
            callback_url: self.callback_url,
            api_key: self.api_key,
            enabled: self.enabled,
            ..HookForm::default()
        };
        (form, tuning)
    }
}

hook_request! {
/// Changes to a hook. Absent fields stay unchanged.
pub struct HookUpdate {
    #[schema(nullable = false, value_type = String, required = false, min_length = 1,
        max_length = 100)]
    pub name: Option<String>,
    #[schema(value_type = EventTypeKey, required = false)]
    pub event_type: Option<String>,
    /// A URL on another host requires the API key again.
    #[schema(value_type = String, required = false, format = "uri", max_length = 2048)]
    pub callback_url: Option<String>,
    #[schema(value_type = String, required = false, min_length = 1, max_length = 512,
        pattern = "^[!-~]+$", write_only)]
    pub api_key: Option<String>,
    #[schema(value_type = bool, required = false)]
    pub enabled: Option<bool>,
    /// The version that you expect. If the hook has another version, nothing is changed (409).
    #[schema(value_type = i64, required = false)]
    pub version: Option<i64>,
}
}

impl From<HookUpdate> for HookPatch {
    fn from(update: HookUpdate) -> Self {
        let tuning = update.tuning();
        Self {
            tuning,
            name: update.name,
            event_type: update.event_type,
            callback_url: update.callback_url,
            api_key: update.api_key,
            enabled: update.enabled,
            typed_tuning: None,
            version: update.version,
        }
    }
}

/// A test of a hook.
#[derive(Deserialize, ToSchema)]
pub struct HookTest {
    /// The payload to send. Null: the event type's sample.
    #[schema(value_type = Option<Object>, required = false)]
    pub data: Option<Value>,
}
