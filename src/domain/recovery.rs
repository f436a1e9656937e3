//! What a recovery is put together from, as its page's address says it. Everything is as typed.

use serde::{Deserialize, Serialize};

use super::{address::address, delivery::State};

/// See the module. The flags are of the states that are to be sent again: `true` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoverForm {
    /// A span of time, by its key; `exact` for the moments below.
    pub since: String,
    pub from: String,
    pub to: String,
    /// Of moments that do not say it themselves.
    pub zone: String,
    pub failed: String,
    pub skipped: String,
    pub cancelled: String,
    pub delivered: String,
    /// Only what was answered like this last.
    pub answer: String,
    pub event: String,
    pub event_type: String,
    pub pace: String,
}

impl RecoverForm {
    /// By the names of the controls and of the parameters in the address.
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

    /// Nothing was asked yet.
    pub fn is_new(&self) -> bool {
        self.since.is_empty() && self.states().is_empty()
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
    fn an_address_says_what_is_to_be_sent_and_reads_back() {
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
