//! The frame of a page: skip link, header with menus, navigation by permission, the banner with
//! problems of the whole installation, and the notice about the last action.

use leptos::{prelude::*, server_fn::ServerFn};

use super::{datetime::ExactDateTime, loaded::loaded, menu::Menu};
use crate::{
    domain::{permission::Permission, preferences::Theme},
    rpc::{
        preferences::SetTheme,
        session::{SignOut, read_frame, take_flash},
    },
    view::session::{Banner, BannerLine, FlashKind, Frame as FrameData},
};

/// The entry of the navigation that a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Hooks,
    Deliveries,
    Undelivered,
    Events,
    Account,
    Status,
    None,
}

struct Group {
    id: &'static str,
    name: &'static str,
    entries: &'static [Entry],
}

struct Entry(Place, &'static str, &'static str, Permission);

/// The navigation. Entries are shown by permission; a group without entries is left out.
const GROUPS: &[Group] = &[
    Group {
        id: "nav-integration",
        name: "Integration",
        entries: &[
            Entry(Place::Hooks, "/integration/hooks", "Service hooks", Permission::HooksRead),
            Entry(
                Place::Deliveries,
                "/integration/deliveries",
                "Deliveries",
                Permission::DeliveriesRead,
            ),
            Entry(
                Place::Undelivered,
                "/integration/undelivered",
                "Undelivered",
                Permission::DeliveriesRead,
            ),
            Entry(Place::Events, "/integration/events", "Event catalogue", Permission::HooksRead),
        ],
    },
    Group { id: "nav-administration", name: "Administration", entries: &[] },
    Group {
        id: "nav-system",
        name: "System",
        entries: &[Entry(Place::Status, "/status", "Status", Permission::SystemRead)],
    },
];

/// A page for signed-in users.
#[component]
pub fn Frame(place: Place, children: Children) -> impl IntoView {
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        {loaded(read_frame(), move |data| view! { <Surroundings place data/> })}
        <main id="main" tabindex="-1">
            {loaded(take_flash(), |flash| flash.map(|flash| view! { <Notice kind=flash.kind
                text=flash.text/> }))}
            {children()}
        </main>
    }
}

/// A page for visitors who are not signed in: a single column without navigation.
#[component]
pub fn SignedOutFrame(children: Children) -> impl IntoView {
    view! { <main id="main" class="lone">{children()}</main> }
}

#[component]
fn Surroundings(place: Place, data: FrameData) -> impl IntoView {
    let FrameData { name, email, permissions, theme, banner } = data;
    let groups: Vec<_> = GROUPS
        .iter()
        .filter_map(|group| {
            let may = |entry: &&Entry| permissions.has(entry.3);
            let links: Vec<_> =
                group.entries.iter().filter(may).map(|entry| link(entry, place)).collect();
            (!links.is_empty()).then(|| {
                view! {
                    <p id=group.id>{group.name}</p>
                    <ul aria-labelledby=group.id>{links}</ul>
                }
            })
        })
        .collect();
    let has_navigation = !groups.is_empty();
    view! {
        {banner.map(|banner| view! { <SystemBanner banner/> })}
        <header class="top">
            <a class="brand" href="/"><span class="mark" aria-hidden="true">"S"</span><span
                class="brand-name">"Service Hooks"</span></a>
            {has_navigation.then(|| view! { <button class="quiet to-nav" type="button"
                popovertarget="nav">"Menu"</button> })}
            <div class="menus">
                <ThemeMenu theme/>
                <AccountMenu name email/>
            </div>
        </header>
        // A popover on narrow screens; on wide ones CSS shows it beside the page.
        {has_navigation.then(|| view! { <nav id="nav" class="side"
            aria-label="Main" popover>{groups}</nav> })}
    }
}

fn link(Entry(target, href, text, _): &'static Entry, place: Place) -> impl IntoView {
    let current = (place == *target).then_some("page");
    view! { <li><a href=*href aria-current=current>{*text}</a></li> }
}

#[component]
fn ThemeMenu(theme: Theme) -> impl IntoView {
    let choices = Theme::ALL.iter().map(move |choice| {
        let current = (*choice == theme).then_some("true");
        view! { <li><button type="submit" name="theme" value=choice.key()
        aria-current=current>{choice.word()}</button></li> }
    });
    view! {
        <Menu id="theme-menu" label="Theme">
            <form method="post" action=SetTheme::url()><ul>{choices.collect_view()}</ul></form>
        </Menu>
    }
}

#[component]
fn AccountMenu(name: String, email: String) -> impl IntoView {
    view! {
        <Menu id="account-menu" label=name>
            <p class="small">{email}</p>
            <ul>
                <li><a href="/account">"Account and preferences"</a></li>
                <li><a href="/shortcuts">"Keyboard shortcuts"</a></li>
                <li><form method="post" action=SignOut::url()><button
                    type="submit">"Sign out"</button></form></li>
            </ul>
        </Menu>
    }
}

/// A problem of the whole installation. Shown on every page until it is over.
#[component]
pub fn SystemBanner(banner: Banner) -> impl IntoView {
    let (class, role) = if banner.is_urgent {
        ("system-banner", "alert")
    } else {
        ("system-banner warn", "status")
    };
    let lines = banner.lines.into_iter().map(|BannerLine { what, since, next }| {
        let since = since.map(|at| view! { "Since " <ExactDateTime at/> ". " });
        view! { <p><b>{what}</b> " " {since} {next}</p> }
    });
    let more = banner.more.map(|href| view! { <p><a href=href>"View status"</a></p> });
    view! { <div class=class role=role><span
    aria-hidden="true">"!"</span><div>{lines.collect_view()} {more}</div></div> }
}

/// The result of the last action. Shown until the next page; a failure takes the focus.
#[component]
pub fn Notice(kind: FlashKind, #[prop(into)] text: String) -> impl IntoView {
    let (class, role, sign) = match kind {
        FlashKind::Done => ("notice ok", "status", "✓"),
        FlashKind::Warning => ("notice warn", "status", "!"),
        FlashKind::Failed => ("notice bad", "alert", "✕"),
    };
    let autofocus = kind == FlashKind::Failed;
    view! {
        <p class=class role=role tabindex="-1" autofocus=autofocus><span aria-hidden="true"
            class="sign">{sign}</span>{text}</p>
    }
}
