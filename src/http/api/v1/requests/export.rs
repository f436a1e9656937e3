//! The request that exports deliveries.

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;

use super::delivery::{EventRef, HookRef};
use crate::{
    domain::log::AnswerGroup,
    engine::store::log::Search,
    http::api::v1::shapes::{
        export::{Format, audit_detail},
        keys::DeliveryState,
        time::Time,
    },
    portal::ops::log::export::Wanted,
};

/// The longest text to search, in characters.
const LONGEST_TEXT: usize = 200;

/// Which deliveries to export, and how.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportFilter {
    /// `csv` or `jsonl`. Default: `csv`.
    #[param(value_type = Option<String>)]
    pub format: Option<FormatKey>,
    /// `true` adds the payloads. Needs the permission `payloads:read`.
    #[param(value_type = Option<bool>)]
    pub payloads: Option<Flag>,
    /// Only deliveries of this hook.
    #[param(value_type = Option<Uuid>)]
    pub hook: Option<HookRef>,
    /// Only deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Only deliveries whose last response was in this group, such as `5xx`, `timeout` or `none`.
    #[param(value_type = Option<String>)]
    pub answer: Option<AnswerKey>,
    /// Only deliveries of one event (its id) or of an event type (its key).
    #[param(value_type = Option<String>)]
    pub event: Option<EventRef>,
    /// Only deliveries accepted at or after this time.
    pub from: Option<Time>,
    /// Only deliveries accepted before this time.
    pub to: Option<Time>,
    /// Only deliveries whose payload contains this text, without regard to case and accents. Needs
    /// the permission `payloads:read`.
    #[param(value_type = Option<String>, max_length = 200)]
    pub text: Option<Text>,
}

/// A parameter that is read from a text. The error texts complete "must be".
macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident($inner:ty) = $expected:literal, $read:expr;)+) => { $(
        $(#[doc = $doc])+
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read: fn(&str) -> Option<$inner> = $read;
                let found = read(&String::deserialize(deserializer)?);
                found.map(Self).ok_or_else(|| D::Error::custom($expected))
            }
        }
    )+ };
}

parameters! {
    /// A format.
    FormatKey(Format) = "csv or jsonl", Format::from_key;
    /// Yes or no.
    Flag(bool) = "true or false", |text| text.parse().ok();
    /// A group of last responses.
    AnswerKey(AnswerGroup) = "a group of responses, such as 5xx", AnswerGroup::from_key;
    /// A text to search.
    Text(String) = "at most 200 characters", |text| {
        (text.chars().count() <= LONGEST_TEXT).then(|| text.trim().to_owned())
    };
}

impl ExportFilter {
    pub fn into_wanted(self) -> (Wanted, Format) {
        let format = self.format.map_or(Format::Csv, |FormatKey(format)| format);
        let with_payloads = self.payloads.is_some_and(|Flag(is_on)| is_on);
        let text = self.text.map(|Text(text)| text).unwrap_or_default();
        let (event, event_type) = EventRef::split(self.event);
        let search = Search {
            hook: self.hook.map(|HookRef(hook)| hook),
            event,
            event_type,
            states: self.state.map(|DeliveryState(state)| state).into_iter().collect(),
            answer: self.answer.map(|AnswerKey(answer)| answer),
            tests: None,
            from: self.from.map(|Time(from)| from),
            to: self.to.map(|Time(to)| to),
        };
        let filters = filters(&search);
        let detail = audit_detail(format, with_payloads, !text.is_empty(), &filters);
        (Wanted { search, text, with_payloads, detail }, format)
    }
}

/// The filters as they are in an address, without the hook: it is what the audit entry is about.
fn filters(search: &Search) -> String {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    pairs.extend(search.states.iter().map(|state| ("state", state.key().to_owned())));
    pairs.extend(search.answer.map(|answer| ("answer", answer.key().to_owned())));
    pairs.extend(search.event.map(|event| ("event", event.to_string())));
    pairs.extend(search.event_type.map(|event| ("event_type", event.key().to_owned())));
    pairs.extend(search.from.map(|from| ("from", from.rfc3339())));
    pairs.extend(search.to.map(|to| ("to", to.rfc3339())));
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    crate::domain::address::address("", &pairs)
}
