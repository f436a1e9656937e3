//! Enumerations: states, kinds and event types. Their values come from `domain`, so that
//! `openapi.json` can't list a state that doesn't exist.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Type, schema::Schema},
};

use crate::domain::{
    delivery::{Answer, State},
    event::EventType,
    job,
};

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:ident($inner:ty);)+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.key())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let key = <$inner>::from_key(&String::deserialize(deserializer)?);
                let known = <$inner>::ALL.iter().map(|one| one.key()).collect::<Vec<_>>();
                let expected = || D::Error::custom(format_args!("one of {}", known.join(", ")));
                key.map(Self).ok_or_else(expected)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some(concat!($($doc),+).trim()))
                    .enum_values(Some(<$inner>::ALL.iter().map(|one| one.key())))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )+ };
}

keys! {
    /// The state of a delivery. `delivered`, `failed`, `skipped` and `cancelled` are final.
    DeliveryState(State);
    /// The key of an event type.
    EventTypeKey(EventType);
    /// `redeliver`: deliveries that match a filter. `recover`: missed deliveries of one hook.
    JobKind(job::Kind);
    /// The state of a job. `done` and `cancelled` are final.
    JobState(job::JobState);
}

/// A non-empty list of final states.
pub struct FinalStates(pub Vec<State>);

impl<'de> Deserialize<'de> for FinalStates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let states = Vec::<DeliveryState>::deserialize(deserializer).ok();
        let states = states.map(|all| all.into_iter().map(|state| state.0).collect::<Vec<_>>());
        let is_valid = |all: &Vec<State>| !all.is_empty() && all.iter().all(|one| one.is_final());
        let expected = "a list of delivered, failed, skipped, cancelled";
        states.filter(is_valid).map(Self).ok_or_else(|| D::Error::custom(expected))
    }
}

impl PartialSchema for FinalStates {
    fn schema() -> RefOr<Schema> {
        let finals = State::ALL.iter().filter(|state| state.is_final()).map(|state| state.key());
        let state = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(finals));
        let states = utoipa::openapi::ArrayBuilder::new().items(state).min_items(Some(1));
        states.description(Some("Final states of deliveries.")).into()
    }
}

impl ToSchema for FinalStates {}

/// How an attempt ended. A string and not an enum, since more values may be added.
#[derive(Serialize)]
#[serde(transparent)]
pub struct AttemptClass(&'static str);

impl From<Answer> for AttemptClass {
    fn from(answer: Answer) -> Self {
        Self(answer.class())
    }
}

impl PartialSchema for AttemptClass {
    fn schema() -> RefOr<Schema> {
        let known = Answer::classes().map(|class| format!("`{class}`")).collect::<Vec<_>>();
        let description = format!("How an attempt ended: {}. More may be added.", known.join(", "));
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
            .examples(["success"])
            .into()
    }
}

impl ToSchema for AttemptClass {}
