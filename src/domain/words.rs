//! Numbers, durations and sizes as text.

/// `1,204`
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 hook`, `1,204 hooks`, `2 deliveries`.
pub fn count(number: i64, thing: &str) -> String {
    let number_text = grouped(number);
    // After a vowel the y stays: days, but deliveries.
    match thing.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        _ if number == 1 => format!("{number_text} {thing}"),
        Some(stem) => format!("{number_text} {stem}ies"),
        None => format!("{number_text} {thing}s"),
    }
}

/// `1 delivery`, `1,204 deliveries`
pub fn deliveries(number: i64) -> String {
    let word = if number == 1 { "delivery" } else { "deliveries" };
    format!("{} {word}", grouped(number))
}

/// Counting on pages stops here, to limit the cost: "more than 10,000".
pub const MANY: i64 = 10_000;

/// [`count`], if counting stopped at `most`: `more than 10,000 events`.
pub fn count_to(number: i64, most: i64, thing: &str) -> String {
    if number > most { format!("more than {}", count(most, thing)) } else { count(number, thing) }
}

/// A measured duration: `0.42 ms`, `12 ms`, `1.5 s`.
pub fn took(micros: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 microseconds")]
    let millis = micros as f64 / 1000.0;
    match millis {
        ..1.0 => format!("{millis:.2} ms"),
        ..10.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

/// `12 KiB`, `3.4 MiB`: binary units, as in the settings.
pub fn bytes(size: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
    let size = size.max(0) as f64;
    let (size, unit) = match size {
        ..KIB => (size, "B"),
        ..MIB => (size / KIB, "KiB"),
        ..GIB => (size / MIB, "MiB"),
        _ => (size / GIB, "GiB"),
    };
    let rounded = format!("{size:.1}");
    format!("{} {unit}", rounded.strip_suffix(".0").unwrap_or(&rounded))
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const GIB: f64 = 1024.0 * MIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1204, "1,204"), (1_000_000, "1,000,000"), (-1204, "-1,204")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((count(1, "hook").as_str(), count(0, "hook").as_str()), ("1 hook", "0 hooks"));
        assert_eq!(
            (count(1, "delivery").as_str(), count(2, "delivery").as_str()),
            ("1 delivery", "2 deliveries")
        );
        assert_eq!(count(90, "day"), "90 days");
        assert_eq!(count_to(10_001, 10_000, "event"), "more than 10,000 events");
        for (micros, text) in
            [(420, "0.42 ms"), (9_900, "9.9 ms"), (12_400, "12 ms"), (1_500_000, "1.5 s")]
        {
            assert_eq!(took(micros), text);
        }
        for (size, text) in [
            (12, "12 B"),
            (12_345, "12.1 KiB"),
            (16_384, "16 KiB"),
            (3_400_000, "3.2 MiB"),
            (8 << 30, "8 GiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
        assert!(!grouped(i64::MIN).is_empty());
    }
}
