//! What stands in the place of a list that has nothing: a small drawing, one sentence that says
//! why, and at most one thing to do about it.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// The child, if any, is the action: a link or a button.
#[component]
pub fn Empty(
    icon: IconName,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon/>
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
