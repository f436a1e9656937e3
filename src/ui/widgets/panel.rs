//! A panel says in a sentence how something is, and offers the button that helps at its right.

use leptos::prelude::*;

use super::{
    badge::Tone,
    icon::{Icon, IconName},
};

/// The children are the sentences; `action` is the button or the form that helps. `id` must be
/// unique and stable on the page: open pages update the panel's sentences by it.
#[component]
pub fn Panel(
    tone: Tone,
    sign: IconName,
    #[prop(optional, into)] id: Option<String>,
    #[prop(optional, into)] action: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    let class = match tone {
        Tone::Good => "panel with-sign ok",
        Tone::Warning => "panel with-sign warn",
        Tone::Bad => "panel with-sign bad",
        Tone::Neutral => "panel with-sign",
    };
    let live = id.is_some().then_some("");
    view! {
        <div class=class>
            <Icon name=sign/>
            <div id=id data-live=live>{children()}</div>
            {action}
        </div>
    }
}
