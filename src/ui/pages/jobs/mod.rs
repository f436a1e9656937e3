//! The pages about jobs: the form that starts a redelivery, the list of jobs, and their progress.

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
        icon::IconName,
    },
    view::words::jobs as words,
};

/// The state of a job as a badge.
#[component]
fn JobBadge(state: JobState) -> impl IntoView {
    let (tone, sign) = match state {
        JobState::Running => (Tone::Warning, IconName::Running),
        JobState::Done => (Tone::Good, IconName::Ok),
        JobState::Paused => (Tone::Neutral, IconName::Paused),
        JobState::Cancelled => (Tone::Neutral, IconName::Cancelled),
    };
    view! { <Badge tone sign text=words::state(state)/> }
}

/// What a job redelivers, with times in the reader's time zone.
fn scope_words(scope: &Scope) -> String {
    words::scope(scope, readers_clock().as_ref())
}
