//! A menu of links behind a button. It is a popover, which browsers open and close by themselves: no script.

use leptos::prelude::*;

/// `id` is of the popover, `label` names the button for whoever cannot see it; the children are links.
#[component]
pub fn Menu(id: String, label: String, children: Children) -> impl IntoView {
    view! {
        <button class="quiet dots" type="button" popovertarget=id.clone() aria-label=label><span aria-hidden="true">"⋯"</span></button>
        <div class="menu" id=id popover="auto">{children()}</div>
    }
}
