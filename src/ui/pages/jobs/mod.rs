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
        icon::IconName,
    },
    view::words::jobs::{self as words, Standing},
};

/// The state of a job and of its deliveries as a badge.
#[component]
fn JobBadge(standing: Standing) -> impl IntoView {
    let (tone, sign) = match standing {
        Standing::Running | Standing::Sending => (Tone::Warning, IconName::Running),
        Standing::Held => (Tone::Warning, IconName::Held),
        Standing::Failed => (Tone::Bad, IconName::Failed),
        Standing::Done => (Tone::Good, IconName::Ok),
        Standing::Paused => (Tone::Neutral, IconName::Paused),
        Standing::Cancelled => (Tone::Neutral, IconName::Cancelled),
    };
    view! { <Badge tone sign text=standing.word()/> }
}

/// What a job redelivers, with times in the reader's time zone.
fn scope_words(scope: &Scope) -> String {
    words::scope(scope, readers_clock().as_ref())
}
