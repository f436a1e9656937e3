//! The pages about jobs: recovering what was missed, and how far that is.

pub mod detail;
pub mod list;
pub mod recover;
mod spread;

use leptos::prelude::*;

use crate::{
    domain::job::{JobState, Scope},
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::readers_clock,
    },
};

/// How a job stands.
#[component]
fn JobBadge(state: JobState) -> impl IntoView {
    let (tone, text) = match state {
        JobState::Running => (Tone::Warning, "Running"),
        JobState::Paused => (Tone::Neutral, "Paused"),
        JobState::Done => (Tone::Good, "Done"),
        JobState::Cancelled => (Tone::Neutral, "Cancelled"),
    };
    view! { <Badge tone text/> }
}

/// What a job is for: `failed or skipped, since 2026-11-22 14:00:00 UTC`.
fn scope_words(scope: &Scope) -> String {
    let clock = readers_clock();
    let states: Vec<String> =
        scope.states.iter().map(|state| state.word().to_lowercase()).collect();
    let mut words = states.join(" or ");
    if let Some(answer) = scope.answer {
        words = format!("{words}, last answer {}", answer.word());
    }
    if let Some(event_type) = scope.event_type {
        words = format!("{words}, {}", event_type.name());
    }
    if let Some(event) = scope.event {
        words = format!("{words}, event {event}");
    }
    match (scope.from, scope.to) {
        (Some(from), Some(to)) => {
            format!("{words}, accepted from {} to {}", clock.exact(from), clock.exact(to))
        }
        (Some(from), None) => format!("{words}, accepted since {}", clock.exact(from)),
        (None, Some(to)) => format!("{words}, accepted until {}", clock.exact(to)),
        (None, None) => words,
    }
}
