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
    fn class(self) -> &'static str {
        match self {
            Self::Good => "badge ok",
            Self::Warning => "badge warn",
            Self::Bad => "badge bad",
            Self::Neutral => "badge",
        }
    }
}

/// The style adds the sign. `class` is for whoever shows a badge only at times.
#[component]
pub fn Badge(
    tone: Tone,
    #[prop(into)] text: String,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let class = [tone.class(), class].join(" ");
    view! { <span class=class.trim().to_owned()>{text}</span> }
}
