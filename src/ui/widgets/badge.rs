//! A state as a word with a sign: never colour alone.

use leptos::prelude::*;

/// The meaning of a state.
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

/// CSS adds the sign. `class` is an extra class, for a badge that is shown conditionally.
#[component]
pub fn Badge(
    tone: Tone,
    #[prop(into)] text: String,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let class = [tone.class(), class].join(" ");
    view! { <span class=class.trim().to_owned()>{text}</span> }
}
