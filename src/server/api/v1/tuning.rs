//! A hook's own delivery settings as the API spells them.

use std::time::Duration;

use serde_json::Value;

use crate::{domain::hook::TuningPatch, server::api::body::Members};

/// Takes the settings out of a body; the rest of it stays.
pub fn read(members: &mut Members) -> TuningPatch {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let waits = |value: &Value| value.as_array()?.iter().map(duration).collect::<Option<Vec<_>>>();
    TuningPatch {
        retry_schedule: members.nullable(
            "retry_schedule",
            "null or a list of waits such as \"30s\" or \"2h\"",
            waits,
        ),
        timeout: members.nullable(
            "timeout",
            "null or a duration such as \"15s\" or \"500ms\"",
            duration,
        ),
        in_flight: members.nullable("in_flight", "null or a whole number", number),
        rate_per_second: members.nullable("rate_per_second", "null or a whole number", number),
        order_by: members.nullable("order_by", "null or the name of a member of the body", text),
    }
}

fn duration(value: &Value) -> Option<Duration> {
    humantime_serde::re::humantime::parse_duration(value.as_str()?).ok()
}
