//! What surrounds a page: skip link, header, navigation by permission, the flash of what was just done.

use leptos::{prelude::*, server_fn::ServerFn};

use super::loaded::loaded;
use crate::{
    domain::permission::Permission,
    rpc::session::{FlashKind, Frame as FrameData, SignOut, read_frame, take_flash},
};

/// Where in the navigation a page belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Hooks,
    Deliveries,
    Undelivered,
    Events,
    Nowhere,
}

/// A page for signed-in people.
#[component]
pub fn Frame(place: Place, children: Children) -> impl IntoView {
    view! {
        <a class="skip" href="#main">"Skip to the content"</a>
        {loaded(read_frame(), move |data| view! { <Surroundings place data/> })}
        <main id="main" tabindex="-1">
            {loaded(take_flash(), |flash| flash.map(|flash| view! { <Notice kind=flash.kind text=flash.text/> }))}
            {children()}
        </main>
    }
}

/// A page for people who are not signed in: a single column, nothing around it.
#[component]
pub fn Lone(children: Children) -> impl IntoView {
    view! { <main id="main" class="lone">{children()}</main> }
}

#[component]
fn Surroundings(place: Place, data: FrameData) -> impl IntoView {
    let may_see = data.permissions.has(Permission::HooksRead);
    let sees_log = data.permissions.has(Permission::DeliveriesRead);
    let link = move |target: Place, href: &'static str, text: &'static str| {
        let current = (place == target).then_some("page");
        view! { <li><a href=href aria-current=current>{text}</a></li> }
    };
    view! {
        <header class="top">
            <a class="brand" href="/integration/hooks"><span class="mark" aria-hidden="true">"S"</span>"Service Hooks"</a>
            <form class="who" method="post" action=SignOut::url()>
                <span title=data.email>{data.name}</span>
                <button class="quiet" type="submit">"Sign out"</button>
            </form>
        </header>
        {(may_see || sees_log).then(|| view! {
            <nav class="side" aria-label="Main">
                <p id="nav-integration">"Integration"</p>
                <ul aria-labelledby="nav-integration">
                    {link(Place::Hooks, "/integration/hooks", "Service hooks")}
                    {sees_log.then(|| link(Place::Deliveries, "/integration/deliveries", "Deliveries"))}
                    {sees_log.then(|| link(Place::Undelivered, "/integration/undelivered", "Undelivered"))}
                    {link(Place::Events, "/integration/events", "Event catalogue")}
                </ul>
            </nav>
        })}
    }
}

/// A sentence about what was just done. Stays until the next page.
#[component]
pub fn Notice(kind: FlashKind, #[prop(into)] text: String) -> impl IntoView {
    let (class, role, sign) = match kind {
        FlashKind::Done => ("notice ok", "status", "✓"),
        FlashKind::Warning => ("notice warn", "status", "!"),
        FlashKind::Failed => ("notice bad", "alert", "✕"),
    };
    view! { <p class=class role=role><span aria-hidden="true" class="sign">{sign}</span>{text}</p> }
}
