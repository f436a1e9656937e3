//! The pages about jobs: the form that starts a redelivery, the list of jobs, and their progress.

pub mod detail;
pub mod list;
pub mod recover;
mod spread;

use leptos::prelude::*;

use crate::{
    domain::job::Scope,
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::readers_clock,
    },
    view::words::jobs::{self as words, Standing},
};

/// The state of a job and of its deliveries as a badge.
#[component]
fn JobBadge(standing: Standing) -> impl IntoView {
    let tone = match standing {
        Standing::Running | Standing::Sending | Standing::Held => Tone::Warning,
        Standing::Failed => Tone::Bad,
        Standing::Done => Tone::Good,
        Standing::Paused | Standing::Cancelled => Tone::Neutral,
    };
    view! { <Badge tone text=standing.word()/> }
}

/// What a job redelivers, with times in the reader's time zone.
fn scope_words(scope: &Scope) -> String {
    words::scope(scope, readers_clock().as_ref())
}
