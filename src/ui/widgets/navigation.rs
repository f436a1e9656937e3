//! The navigation at the side of every page: entries by permission, in groups.

use leptos::prelude::*;

use super::icon::{Icon, IconName};
use crate::domain::{
    permission::{Permission, Permissions},
    words::grouped,
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

struct Entry {
    place: Place,
    icon: IconName,
    href: &'static str,
    text: &'static str,
    needs: Permission,
}

/// Entries are shown by permission; a group without entries is left out.
const GROUPS: &[Group] = &[
    Group {
        id: "nav-integration",
        name: "Integration",
        entries: &[
            Entry {
                place: Place::Hooks,
                icon: IconName::Hook,
                href: "/integration/hooks",
                text: "Service hooks",
                needs: Permission::HooksRead,
            },
            Entry {
                place: Place::Deliveries,
                icon: IconName::Deliveries,
                href: "/integration/deliveries",
                text: "Deliveries",
                needs: Permission::DeliveriesRead,
            },
            Entry {
                place: Place::Undelivered,
                icon: IconName::Inbox,
                href: "/integration/undelivered",
                text: "Undelivered",
                needs: Permission::DeliveriesRead,
            },
            Entry {
                place: Place::Events,
                icon: IconName::Book,
                href: "/integration/events",
                text: "Event catalogue",
                needs: Permission::HooksRead,
            },
        ],
    },
    Group {
        id: "nav-system",
        name: "System",
        entries: &[Entry {
            place: Place::Status,
            icon: IconName::Activity,
            href: "/status",
            text: "Status",
            needs: Permission::SystemRead,
        }],
    },
];

/// Whether any entry is left for these permissions.
pub fn has_entries(permissions: &Permissions) -> bool {
    GROUPS.iter().flat_map(|group| group.entries).any(|entry| permissions.has(entry.needs))
}

/// A popover on narrow screens; on wide ones CSS shows it beside the page. `undelivered` is the
/// number at that entry.
#[component]
pub fn Navigation(
    place: Place,
    permissions: Permissions,
    undelivered: Option<i64>,
) -> impl IntoView {
    let groups = GROUPS.iter().filter_map(|group| {
        let links: Vec<_> = group
            .entries
            .iter()
            .filter(|entry| permissions.has(entry.needs))
            .map(|entry| {
                let number = undelivered.filter(|_| entry.place == Place::Undelivered);
                view! { <Link entry is_current=place == entry.place number/> }
            })
            .collect();
        (!links.is_empty()).then(|| {
            view! {
                <p id=group.id>{group.name}</p>
                <ul aria-labelledby=group.id>{links}</ul>
            }
        })
    });
    view! { <nav id="nav" class="side" aria-label="Main" popover>{groups.collect_view()}</nav> }
}

/// The number is counted up to 1,000.
#[component]
fn Link(entry: &'static Entry, is_current: bool, number: Option<i64>) -> impl IntoView {
    let current = is_current.then_some("page");
    let number = number.map(|number| {
        let words = match number {
            0 => String::new(),
            1000.. => "1,000+".to_owned(),
            few => grouped(few),
        };
        view! { <span id="live-tally" class="tally" data-live="">{words}</span> }
    });
    view! {
        <li><a href=entry.href aria-current=current><Icon name=entry.icon/>
            <span>{entry.text}</span>{number}</a></li>
    }
}
