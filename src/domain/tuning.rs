//! A hook's own delivery settings: stored, typed into a form, as a patch, and their validation. A
//! new setting is added here, and [`TypedTuning::fields`] brings it to every page. The text form
//! uses durations such as `30s` or `2h`, in comma-separated lists.

use std::time::Duration;

use humantime::{format_duration, parse_duration};
use serde::{Deserialize, Serialize};

use super::invalid::Invalid;

/// A hook's own delivery settings. `None` means the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// The waits after failed attempts.
    pub retry_schedule: Option<Vec<Duration>>,
    /// Timeout of a whole attempt.
    pub timeout: Option<Duration>,
    /// Max concurrent attempts.
    pub in_flight: Option<u32>,
    /// Max attempts started per second.
    pub rate_per_second: Option<u32>,
    /// The ordering key: a field of the payload. Events with the same value are delivered strictly
    /// one after the other.
    pub order_by: Option<String>,
}

/// Delivery settings as typed into the form. Empty means the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypedTuning {
    /// `5s, 30s, 2m`
    pub retry_schedule: String,
    pub timeout: String,
    pub in_flight: String,
    pub rate_per_second: String,
    pub order_by: String,
}

/// One delivery setting in the form.
pub struct TuningField<'a> {
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// As typed; empty means the server's default.
    pub value: &'a str,
}

impl TypedTuning {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All settings, in the order in which pages show them.
    pub fn fields(&self) -> [TuningField<'_>; 5] {
        let field = |name, label, hint, value| TuningField { name, label, hint, value };
        [
            field(
                "retry_schedule",
                "Retry delays",
                "For example 5s, 30s, 2m, 1h. Enter \"none\" to turn retries off.",
                &self.retry_schedule,
            ),
            field(
                "timeout",
                "Timeout",
                "For one attempt, from the DNS lookup to the last byte. For example 15s.",
                &self.timeout,
            ),
            field("in_flight", "Max concurrent attempts", "", &self.in_flight),
            field("rate_per_second", "Max attempts per second", "", &self.rate_per_second),
            field(
                "order_by",
                "Ordering key",
                "A field in the payload, for example primaryConversationId. Deliveries with the \
                 same value are sent one at a time, in order.",
                &self.order_by,
            ),
        ]
    }
}

/// Changes to the delivery settings. `None`: unchanged. `Some(None)`: back to the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TuningPatch {
    pub retry_schedule: Option<Option<Vec<Duration>>>,
    pub timeout: Option<Option<Duration>>,
    pub in_flight: Option<Option<u32>>,
    pub rate_per_second: Option<Option<u32>>,
    pub order_by: Option<Option<String>>,
}

impl From<Tuning> for TuningPatch {
    fn from(tuning: Tuning) -> Self {
        Self {
            retry_schedule: Some(tuning.retry_schedule),
            timeout: Some(tuning.timeout),
            in_flight: Some(tuning.in_flight),
            rate_per_second: Some(tuning.rate_per_second),
            order_by: Some(tuning.order_by),
        }
    }
}

impl TuningPatch {
    #[must_use]
    pub fn apply(self, old: &Tuning) -> Tuning {
        Tuning {
            retry_schedule: self.retry_schedule.unwrap_or_else(|| old.retry_schedule.clone()),
            timeout: self.timeout.unwrap_or(old.timeout),
            in_flight: self.in_flight.unwrap_or(old.in_flight),
            rate_per_second: self.rate_per_second.unwrap_or(old.rate_per_second),
            order_by: self.order_by.unwrap_or_else(|| old.order_by.clone()),
        }
    }
}

pub const MAX_RETRIES: usize = 30;
pub const LONGEST_RETRY: Duration = Duration::from_secs(7 * 24 * 3600);
pub const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
pub const MAX_IN_FLIGHT: u32 = 256;
pub const MAX_RATE: u32 = 10_000;

impl Tuning {
    /// Validates the values. `fields` are the payload fields that can be the ordering key.
    pub fn validate(&self, fields: &[String]) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        if let Some(schedule) = &self.retry_schedule {
            if schedule.len() > MAX_RETRIES {
                invalid.add(
                    "retry_schedule",
                    "too-long",
                    format!("Enter at most {MAX_RETRIES} delays."),
                );
            }
            if schedule.iter().any(|wait| *wait > LONGEST_RETRY) {
                invalid.add("retry_schedule", "range", "Enter delays of at most 7 days.");
            }
        }
        if self.timeout.is_some_and(|timeout| timeout < TIMEOUTS.0 || timeout > TIMEOUTS.1) {
            invalid.add("timeout", "range", "Enter a timeout between 100 ms and 60 s.");
        }
        if self.in_flight.is_some_and(|limit| limit == 0 || limit > MAX_IN_FLIGHT) {
            invalid.add(
                "in_flight",
                "range",
                format!("Enter a number between 1 and {MAX_IN_FLIGHT}."),
            );
        }
        if self.rate_per_second.is_some_and(|rate| rate == 0 || rate > MAX_RATE) {
            invalid.add(
                "rate_per_second",
                "range",
                format!("Enter a number between 1 and {MAX_RATE}."),
            );
        }
        if self.order_by.as_ref().is_some_and(|member| !fields.contains(member)) {
            let known = fields.join(", ");
            invalid.add("order_by", "unknown", format!("Enter a field of the payload: {known}."));
        }
        invalid.or(())
    }
}

/// The retry schedule without retries. An empty field means the server's default.
const NO_RETRIES: &str = "none";

/// Parses form input. Ranges are checked by [`Tuning::validate`], which needs the event type.
pub fn parse(typed: &TypedTuning) -> Result<Tuning, Invalid> {
    let mut invalid = Invalid::default();
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut read_number = |name: &'static str, typed: &str| {
        let number = text(typed).map(|text| text.parse::<u32>());
        number.and_then(|number| match number {
            Ok(number) => Some(number),
            Err(_) => {
                invalid.add(name, "format", "Enter a whole number or leave blank.");
                None
            }
        })
    };
    let in_flight = read_number("in_flight", &typed.in_flight);
    let rate_per_second = read_number("rate_per_second", &typed.rate_per_second);
    let mut read_durations = |name: &'static str, typed: &str, words: &str| {
        let parts = text(typed)?;
        if name == "retry_schedule" && parts == NO_RETRIES {
            return Some(Vec::new());
        }
        let durations: Option<Vec<Duration>> =
            parts.split(',').map(|part| parse_duration(part.trim()).ok()).collect();
        if durations.is_none() {
            invalid.add(name, "format", words);
        }
        durations
    };
    let words = "Enter delays such as 5s, 30s, 2m, 1h, enter \"none\", or leave blank.";
    let retry_schedule = read_durations("retry_schedule", &typed.retry_schedule, words);
    let words = "Enter one duration such as 15s or 500ms, or leave blank.";
    let timeout = read_durations("timeout", &typed.timeout, words);
    if timeout.as_ref().is_some_and(|timeout| timeout.len() > 1) {
        invalid.add("timeout", "format", words);
    }
    let timeout = timeout.and_then(|timeout| timeout.into_iter().next());
    invalid.or(Tuning {
        retry_schedule,
        timeout,
        in_flight,
        rate_per_second,
        order_by: text(&typed.order_by),
    })
}

/// The settings as text; the inverse of [`parse`].
pub fn typed(tuning: &Tuning) -> TypedTuning {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let retry_schedule = match &tuning.retry_schedule {
        None => String::new(),
        Some(waits) if waits.is_empty() => NO_RETRIES.to_owned(),
        Some(waits) => waits.iter().copied().map(spelled).collect::<Vec<_>>().join(", "),
    };
    TypedTuning {
        retry_schedule,
        timeout: tuning.timeout.map(spelled).unwrap_or_default(),
        in_flight: number(tuning.in_flight),
        rate_per_second: number(tuning.rate_per_second),
        order_by: tuning.order_by.clone().unwrap_or_default(),
    }
}

/// A duration as text.
pub fn spelled(duration: Duration) -> String {
    format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_round_trip_and_nonsense_is_reported_by_field() {
        let tuning = Tuning {
            retry_schedule: Some(vec![Duration::from_secs(5), Duration::from_secs(5400)]),
            timeout: Some(Duration::from_millis(1500)),
            in_flight: Some(4),
            rate_per_second: None,
            order_by: Some("id".into()),
        };
        assert_eq!(parse(&typed(&tuning)), Ok(tuning));
        let never_again = Tuning { retry_schedule: Some(Vec::new()), ..Tuning::default() };
        assert_eq!(parse(&typed(&never_again)), Ok(never_again));
        assert_eq!(parse(&TypedTuning::default()), Ok(Tuning::default()));
        let nonsense = TypedTuning {
            retry_schedule: "5s,,".into(),
            timeout: "1s, 2s".into(),
            in_flight: "-1".into(),
            rate_per_second: "many".into(),
            order_by: String::new(),
        };
        let invalid = parse(&nonsense).unwrap_err();
        for field in ["retry_schedule", "timeout", "in_flight", "rate_per_second"] {
            assert!(invalid.message(field).is_some(), "{field}");
        }
    }
}
