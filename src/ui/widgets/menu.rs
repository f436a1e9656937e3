//! A button that opens a few links and buttons in a popover, which handles opening, closing and
//! focus without a script.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// `id` must be unique on the page. `sign` stands before the label: an icon or an avatar.
#[component]
pub fn Menu(
    id: &'static str,
    #[prop(into)] label: String,
    #[prop(optional, into)] sign: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="menu">
            <button class="quiet" type="button" popovertarget=id>{sign} <span
                class="menu-label">{label}</span><Icon name=IconName::Down/></button>
            <div id=id class="menu-items" popover>{children()}</div>
        </div>
    }
}
