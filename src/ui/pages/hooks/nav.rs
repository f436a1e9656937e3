//! The tabs of a hook's pages. Each is a link to an address of its own.

use leptos::prelude::*;

use crate::domain::permission::{Permission, Permissions};

/// Which of a hook's pages this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookPlace {
    Overview,
    Deliveries,
    Test,
    Recover,
    Settings,
}

/// Shows only the pages that the reader may open.
#[component]
pub fn HookNav(id: String, place: HookPlace, permissions: Permissions) -> impl IntoView {
    let page = format!("/integration/hooks/{id}");
    let places = [
        (HookPlace::Overview, "", "Overview", Permission::HooksRead),
        (HookPlace::Deliveries, "/deliveries", "Deliveries", Permission::DeliveriesRead),
        (HookPlace::Test, "/test", "Test", Permission::HooksTest),
        (HookPlace::Recover, "/recover", "Redeliver", Permission::DeliveriesReplay),
        (HookPlace::Settings, "/settings", "Settings", Permission::HooksWrite),
    ];
    let links = places.into_iter().filter(|(.., permission)| permissions.has(*permission)).map(
        |(known, path, text, _)| {
            let current = (known == place).then_some("page");
            view! { <a href=format!("{page}{path}") aria-current=current>{text}</a> }
        },
    );
    view! { <nav class="tabs" aria-label="Hook pages">{links.collect_view()}</nav> }
}
