//! The form for redelivering missed events, as typed and as URL parameters.

use serde::{Deserialize, Serialize};

use super::{address::address, delivery::State};

/// The fields of the form. The flags (`true` or empty) select the states to redeliver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoverForm {
    /// The key of a time range; `exact`: `from` and `to`.
    pub since: String,
    pub from: String,
    pub to: String,
    /// Time zone of `from` and `to`, unless they contain one.
    pub zone: String,
    pub failed: String,
    pub skipped: String,
    pub cancelled: String,
    pub delivered: String,
    /// Only deliveries with this last result.
    pub answer: String,
    pub event: String,
    pub event_type: String,
    pub pace: String,
}

impl RecoverForm {
    /// Reads each parameter by its name, which is also the name of its form control.
    pub fn read(mut get: impl FnMut(&str) -> String) -> Self {
        let mut form = Self::default();
        for (name, value) in form.slots() {
            *value = get(name);
        }
        form
    }

    pub fn slots(&mut self) -> [(&'static str, &mut String); 12] {
        [
            ("since", &mut self.since),
            ("from", &mut self.from),
            ("to", &mut self.to),
            ("zone", &mut self.zone),
            ("failed", &mut self.failed),
            ("skipped", &mut self.skipped),
            ("cancelled", &mut self.cancelled),
            ("delivered", &mut self.delivered),
            ("answer", &mut self.answer),
            ("event", &mut self.event),
            ("event_type", &mut self.event_type),
            ("pace", &mut self.pace),
        ]
    }

    pub fn address(&self, path: &str) -> String {
        let mut all = self.clone();
        address(path, &all.slots().map(|(name, value)| (name, value.as_str())))
    }

    /// Nothing is filled in yet, except perhaps a range by its link.
    pub fn is_new(&self) -> bool {
        self.states().is_empty() && self.pace.is_empty() && self.since != "exact"
    }

    /// The same selection with another range. Used for the links to the ranges.
    #[must_use]
    pub fn with_range(&self, since: &str) -> Self {
        let (from, to) = Default::default();
        Self { since: since.to_owned(), from, to, zone: String::new(), ..self.clone() }
    }

    pub fn states(&self) -> Vec<State> {
        let flags = [
            (State::Failed, &self.failed),
            (State::Skipped, &self.skipped),
            (State::Cancelled, &self.cancelled),
            (State::Delivered, &self.delivered),
        ];
        flags.into_iter().filter(|(_, flag)| !flag.is_empty()).map(|(state, _)| state).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_round_trips_through_its_url() {
        let form = RecoverForm {
            since: "24h".into(),
            failed: "true".into(),
            pace: "5".into(),
            ..Default::default()
        };
        assert_eq!(form.address("/r"), "/r?since=24h&failed=true&pace=5");
        assert_eq!(form.states(), [State::Failed]);
        assert!(!form.is_new() && RecoverForm::default().is_new());
        let mut copy = form.clone();
        let read = RecoverForm::read(|name| {
            copy.slots()
                .into_iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        });
        assert_eq!(read, form);
    }
}
