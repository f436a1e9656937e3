//! A button that shows a few links and buttons. A popover: it opens, closes and gives the focus
//! back without any script.

use leptos::prelude::*;

/// `id` has to be the page's only one.
#[component]
pub fn Menu(id: &'static str, #[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <div class="menu">
            <button class="quiet" type="button" popovertarget=id><span
                class="menu-label">{label}</span><span aria-hidden="true">"▾"</span></button>
            <div id=id class="menu-items" popover>{children()}</div>
        </div>
    }
}

/// The same behind three dots, for a row of a table; the children are links. `label` says of what
/// it is the menu.
#[component]
pub fn RowMenu(id: String, label: String, children: Children) -> impl IntoView {
    view! {
        <button class="quiet dots" type="button" popovertarget=id.clone()
            aria-label=label>"⋯"</button>
        <div id=id class="menu-items" popover>{children()}</div>
    }
}
