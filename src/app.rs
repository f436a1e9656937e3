//! The HTML shell and the route table. Every page is complete HTML; in the browser only the islands
//! are hydrated.

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

use crate::{
    domain::{preferences::Theme, time::Timestamp},
    ui::pages::{
        account::AccountPage,
        deliveries, events,
        fault::{FaultPage, fault},
        hooks, jobs,
        not_found::NotFound,
        resume::ResumePage,
        search,
        setup::SetupPage,
        sign_in::SignInPage,
        status,
        styleguide::StyleguidePage,
    },
    view::assets::{AssetVersion, FONT},
};

/// What an open page needs to follow changes; provided for signed-in users. See
/// `browser/live.js`.
#[derive(Clone, Debug)]
pub struct Live {
    /// The version of what pages show, taken before the page read anything.
    pub version: String,
    pub now: Timestamp,
    /// The user's id: a page must not be refreshed with what another user sees.
    pub reader: String,
}

/// The document around the app: head, styles, and the script that hydrates the islands.
pub fn shell(_options: LeptosOptions) -> impl IntoView {
    // Islands get their data as properties, so no hydration data is serialised into the page.
    if let Some(shared) = Owner::current_shared_context() {
        shared.set_is_hydrating(false);
    }
    let assets = use_context::<AssetVersion>().unwrap_or_default();
    // Set by the server, so that the first paint has the theme. `None` follows the system setting.
    let theme = use_context::<Theme>().filter(|theme| *theme != Theme::System).map(Theme::key);
    let live = use_context::<Live>();
    let shown = live.as_ref().map(|live| live.version.clone());
    let (now, reader) = live.map(|live| (live.now.0, live.reader)).unzip();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content=theme.unwrap_or("light dark")/>
                <link rel="icon" href=assets.address("favicon.svg") type="image/svg+xml"/>
                // The style sheet needs it, and would ask for it later.
                <link rel="preload" href=FONT r#as="font" type="font/woff2" crossorigin=""/>
                <link rel="stylesheet" href=assets.address("pkg/service-hooks.css")/>
                <script type="module" src=assets.address("pkg/boot.js")></script>
                <MetaTags/>
            </head>
            <body data-version=shown data-now=now data-reader=reader>
                <App/>
            </body>
        </html>
    }
}

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    match fault() {
        Some(error) => view! { <Title formatter=full_title/> <FaultPage error/> }.into_any(),
        None => view! { <Title formatter=full_title/> <Pages/> }.into_any(),
    }
}

#[component]
fn Pages() -> impl IntoView {
    view! {
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::Async/>
                <Route path=path!("/setup") view=SetupPage ssr=SsrMode::Async/>
                <Route path=path!("/styleguide") view=StyleguidePage ssr=SsrMode::Async/>
                <Route path=path!("/search") view=search::SearchPage ssr=SsrMode::Async/>
                <Route path=path!("/shortcuts") view=search::ShortcutsPage ssr=SsrMode::Async/>
                <Route path=path!("/resume") view=ResumePage ssr=SsrMode::Async/>
                <Route path=path!("/account") view=AccountPage ssr=SsrMode::Async/>
                <Route path=path!("/status") view=status::StatusPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks") view=hooks::list::HooksPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/new") view=hooks::edit::NewHookPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/switch")
                    view=hooks::switch::SwitchMatchingPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id") view=hooks::detail::HookPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/settings") view=hooks::edit::EditHookPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/test") view=hooks::test::TestPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/delete")
                    view=hooks::delete::DeleteHookPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/deliveries")
                    view=deliveries::list::HookDeliveriesPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/deliveries") view=deliveries::list::DeliveriesPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/deliveries/:delivery")
                    view=deliveries::detail::DeliveryPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/deliveries/:delivery/redeliver")
                    view=deliveries::redeliver::RedeliverPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/recover")
                    view=jobs::recover::HookRecoverPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/deliveries/recover")
                    view=jobs::recover::RecoverAllPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/undelivered")
                    view=deliveries::undelivered::UndeliveredPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/hooks/:id/dismiss")
                    view=deliveries::dismiss::DismissPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/dismissed")
                    view=deliveries::dismissed::DismissedPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/jobs") view=jobs::list::JobsPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/jobs/:id") view=jobs::detail::JobPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/deliveries/redeliver")
                    view=deliveries::redeliver::RedeliverSelectedPage ssr=SsrMode::Async/>
                <Route path=path!("/integration/events") view=events::list::EventsPage
                    ssr=SsrMode::Async/>
                <Route path=path!("/integration/events/:key") view=events::detail::EventPage
                    ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}

/// The page title. Escaped here because leptos_meta 0.8 writes it unescaped, and it contains hook
/// names.
fn full_title(title: String) -> String {
    if title.is_empty() {
        return "Service Hooks".to_owned();
    }
    format!("{} – Service Hooks", html_escape::encode_text(&title))
}
