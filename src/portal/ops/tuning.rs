//! Text form of a hook's delivery settings: durations such as `30s` or `2h`, comma-separated lists.

use std::time::Duration;

use humantime_serde::re::humantime::{format_duration, parse_duration};

use crate::domain::{
    hook::{Tuning, TypedTuning},
    invalid::Invalid,
};

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
    let words = "Enter delays such as 5s, 30s, 2m, 1h. Enter none for no retries, or leave blank.";
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
