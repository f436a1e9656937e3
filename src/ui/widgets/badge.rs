//! A state as a word with a sign: never colour alone.

use leptos::prelude::*;

/// How a state is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Bad,
    Neutral,
}

impl Tone {
    fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("badge ok", "✓"),
            Self::Warning => ("badge warn", "◔"),
            Self::Bad => ("badge bad", "✕"),
            Self::Neutral => ("badge", "–"),
        }
    }
}

#[component]
pub fn Badge(tone: Tone, #[prop(into)] text: String) -> impl IntoView {
    let (class, sign) = tone.look();
    view! { <span class=class><span aria-hidden="true">{sign}</span>{text}</span> }
}
