//! A state as a word with a sign: never colour alone, and never one sign for two states.

use leptos::prelude::*;

use super::icon::IconName;

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
            Self::Good => "badge good",
            Self::Warning => "badge warn",
            Self::Bad => "badge bad",
            Self::Neutral => "badge",
        }
    }

    /// The sign of a state that has no sign of its own.
    fn sign(self) -> IconName {
        match self {
            Self::Good => IconName::Ok,
            Self::Warning => IconName::Warning,
            Self::Bad => IconName::Failed,
            Self::Neutral => IconName::Quiet,
        }
    }
}

/// CSS draws the sign, from the same drawing as the icon of that name: a list of fifty hooks has no
/// room for an element more per badge. `class` is an extra class, for a badge that is shown
/// conditionally.
#[component]
pub fn Badge(
    tone: Tone,
    #[prop(optional, into)] sign: Option<IconName>,
    #[prop(into)] text: String,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let class = [tone.class(), sign.unwrap_or(tone.sign()).id(), class].join(" ");
    view! { <span class=class.trim().to_owned()>{text}</span> }
}
