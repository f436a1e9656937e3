//! Time zones: formats a moment as local time, and parses typed local time. The zone database is
//! compiled in, so every machine has the same rules.

use jiff::{
    civil::DateTime,
    tz::{self, AmbiguousOffset, TimeZone},
};

use crate::domain::{
    preferences::{Clockface, Hours, Preferences},
    time::Timestamp,
};

/// Prefixes of the zone names that are offered; other names are aliases of the same zones.
const REGIONS: &[&str] = &[
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
];

/// A time zone with the reader's 12 or 24 hour preference.
#[derive(Clone)]
pub struct Zone {
    name: String,
    hours: Hours,
    zone: TimeZone,
}

/// Which end of a range a typed time is. When clocks go back, one hour occurs twice, and a range
/// must include both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    From,
    To,
}

/// Whether this is a known zone name.
pub fn exists(name: &str) -> bool {
    find(name).is_some()
}

/// The zone names to choose from: UTC first, the others sorted.
pub fn names() -> Vec<String> {
    let all = tz::db().available().map(|name| name.as_str().to_owned());
    let mut names: Vec<String> =
        all.filter(|name| REGIONS.iter().any(|region| name.starts_with(region))).collect();
    names.sort();
    names.insert(0, "UTC".to_owned());
    names
}

fn find(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { tz::db().get(name).ok() }
}

impl Zone {
    /// The user's zone; UTC if this build does not know it.
    pub fn of(preferences: &Preferences) -> Self {
        let (name, zone) = match find(&preferences.time_zone) {
            Some(zone) => (preferences.time_zone.clone(), zone),
            None => ("UTC".to_owned(), TimeZone::UTC),
        };
        Self { name, hours: preferences.hours, zone }
    }

    /// Parses typed time: `2026-11-22T14:03` in this zone (with a space for the T, with seconds or
    /// without), or RFC 3339 with its own offset. A local time skipped by the clock becomes the
    /// moment of the transition; of one that occurs twice, `edge` selects the earlier (`From`) or
    /// later (`To`).
    pub fn moment(&self, typed: &str, edge: Edge) -> Option<Timestamp> {
        if let Some(moment) = Timestamp::parse(typed.trim()) {
            return Some(moment);
        }
        let local: DateTime = typed.trim().parse().ok()?;
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let moment = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => {
                let after = ambiguous.later().ok()?;
                // The last transition up to and including that moment is the gap's own.
                let until = after.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
                self.zone.preceding(until).next().map_or(after, |skip| skip.timestamp())
            }
            _ if edge == Edge::To => ambiguous.later().ok()?,
            _ => ambiguous.earlier().ok()?,
        };
        Some(Timestamp(moment.as_millisecond()))
    }

    fn write(&self, at: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_millisecond(at.0) {
            Ok(moment) => moment.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_) => "out of range".to_owned(),
        }
    }
}

impl Clockface for Zone {
    fn exact(&self, at: Timestamp) -> String {
        let clock = match self.hours {
            Hours::TwentyFour => "%H:%M:%S",
            Hours::Twelve => "%-I:%M:%S %P",
        };
        if self.name == "UTC" {
            return self.write(at, &format!("%Y-%m-%d {clock} UTC"));
        }
        format!("{} {}", self.write(at, &format!("%Y-%m-%d {clock} %:z")), self.name)
    }

    fn date(&self, at: Timestamp) -> String {
        self.write(at, "%Y-%m-%d")
    }

    fn local(&self, at: Timestamp) -> String {
        self.write(at, "%Y-%m-%dT%H:%M:%S")
    }

    fn zone(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, hours: Hours) -> Zone {
        Zone::of(&Preferences { time_zone: name.into(), hours, ..Preferences::default() })
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_moment_is_written_with_offset_and_zone() {
        let moment = at("2026-11-22T08:18:11.250Z");
        let rows = [
            ("Asia/Kathmandu", Hours::TwentyFour, "2026-11-22 14:03:11 +05:45 Asia/Kathmandu"),
            ("Asia/Kathmandu", Hours::Twelve, "2026-11-22 2:03:11 pm +05:45 Asia/Kathmandu"),
            ("America/St_Johns", Hours::TwentyFour, "2026-11-22 04:48:11 -03:30 America/St_Johns"),
            ("UTC", Hours::TwentyFour, "2026-11-22 08:18:11 UTC"),
            ("UTC", Hours::Twelve, "2026-11-22 8:18:11 am UTC"),
            ("Atlantis/Poseidonis", Hours::TwentyFour, "2026-11-22 08:18:11 UTC"),
        ];
        for (name, hours, written) in rows {
            assert_eq!(zone(name, hours).exact(moment), written);
        }
        assert_eq!(zone("Pacific/Kiritimati", Hours::Twelve).local(moment), "2026-11-22T22:18:11");
        assert_eq!(
            zone("Pacific/Kiritimati", Hours::Twelve).date(at("2026-11-22T10:00:00Z")),
            "2026-11-23"
        );
    }

    #[test]
    fn the_offset_follows_daylight_saving_time() {
        let berlin = zone("Europe/Berlin", Hours::TwentyFour);
        assert_eq!(
            berlin.exact(at("2026-10-25T00:59:59Z")),
            "2026-10-25 02:59:59 +02:00 Europe/Berlin"
        );
        assert_eq!(
            berlin.exact(at("2026-10-25T01:00:00Z")),
            "2026-10-25 02:00:00 +01:00 Europe/Berlin"
        );
        assert_eq!(
            berlin.exact(at("2026-03-29T01:00:00Z")),
            "2026-03-29 03:00:00 +02:00 Europe/Berlin"
        );
    }

    #[test]
    fn typed_times_are_local_to_the_zone() {
        let kathmandu = zone("Asia/Kathmandu", Hours::Twelve);
        for typed in [
            "2026-11-22T14:03",
            " 2026-11-22 14:03:00 ",
            "2026-11-22T09:18:00+01:00",
            "2026-11-22T08:18:00Z",
        ] {
            for edge in [Edge::From, Edge::To] {
                assert_eq!(
                    kathmandu.moment(typed, edge),
                    Some(at("2026-11-22T08:18:00Z")),
                    "{typed}"
                );
            }
        }
        for bad in [
            "",
            "yesterday",
            "2026-02-30T10:00",
            "2026-11-22T25:00",
            "14:03",
            "2026-11-22T14:03\0",
            "9".repeat(400).as_str(),
        ] {
            assert_eq!(kathmandu.moment(bad, Edge::From), None, "{bad}");
        }
    }

    #[test]
    fn a_range_includes_both_occurrences_of_a_repeated_hour() {
        let berlin = zone("Europe/Berlin", Hours::TwentyFour);
        assert_eq!(berlin.moment("2026-10-25T02:30", Edge::From), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(berlin.moment("2026-10-25T02:30", Edge::To), Some(at("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn a_skipped_hour_becomes_the_moment_of_the_transition() {
        for edge in [Edge::From, Edge::To] {
            let berlin = zone("Europe/Berlin", Hours::TwentyFour);
            assert_eq!(berlin.moment("2026-03-29T02:00", edge), Some(at("2026-03-29T01:00:00Z")));
            assert_eq!(
                berlin.moment("2026-03-29T02:59:59", edge),
                Some(at("2026-03-29T01:00:00Z"))
            );
            assert_eq!(berlin.moment("2026-03-29T03:00", edge), Some(at("2026-03-29T01:00:00Z")));
            // Transitions of half an hour and of a whole day.
            let lord_howe = zone("Australia/Lord_Howe", Hours::TwentyFour);
            assert_eq!(
                lord_howe.moment("2026-10-04T02:10", edge),
                Some(at("2026-10-03T15:30:00Z"))
            );
            let apia = zone("Pacific/Apia", Hours::TwentyFour);
            assert_eq!(apia.moment("2011-12-30T12:00", edge), Some(at("2011-12-30T10:00:00Z")));
        }
    }

    #[test]
    fn a_value_written_for_a_form_control_parses_back() {
        let apia = zone("Pacific/Apia", Hours::Twelve);
        let moment = at("2026-11-22T08:18:11Z");
        assert_eq!(apia.moment(&apia.local(moment), Edge::From), Some(moment));
    }

    #[test]
    fn every_offered_name_exists() {
        let names = names();
        assert!(names.len() > 300 && names.iter().all(|name| exists(name)));
        for name in ["UTC", "Asia/Kathmandu", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn extreme_moments_do_not_panic() {
        for extreme in [i64::MIN, i64::MAX] {
            let (zone, at) = (zone("Asia/Kathmandu", Hours::Twelve), Timestamp(extreme));
            let _ = (zone.exact(at), zone.date(at), zone.local(at));
        }
    }
}
