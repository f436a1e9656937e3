//! One hook in the list, on one line. Every element counts here: a page has fifty rows.

use leptos::prelude::*;

use super::status::StatusCell;
use crate::{
    domain::{
        measured::Outcomes,
        permission::{Permission, Permissions},
        time::Timestamp,
    },
    ui::{
        pages::schema_link::SchemaLink,
        widgets::{
            chart::{Bars, Column},
            datetime::{DateTime, readers_clock},
            switch::HookSwitch,
        },
    },
    view::{hooks::HookRow, words::hooks as words},
};

/// `with_event`: the row is not in an event's group, so its tooltip names its event.
#[component]
pub fn Row(
    row: HookRow,
    now: Timestamp,
    permissions: Permissions,
    with_event: bool,
) -> impl IntoView {
    let HookRow { hook, details, last_attempt, last_success, day } = row;
    let id = hook.id.to_string();
    let page = format!("/integration/hooks/{id}");
    let may_write = permissions.has(Permission::HooksWrite);
    let state = if hook.enabled { "On" } else { "Off" };
    let success = last_success.map(|at| view! { <DateTime at now/> });
    let attempt = last_attempt.map(|at| format!("Last attempt: {}", readers_clock().exact(at)));
    let (name, anchor) = (hook.name.clone(), format!("h-{id}"));
    let full_name =
        if with_event { format!("{name} ({})", hook.event_type.name()) } else { name.clone() };
    view! {
        <tr id=anchor class="hook" data-live="">
            {may_write.then(|| view! {
                <td class="pick"><input type="checkbox" name="ids[]" value=id.clone() form="bulk"
                    aria-label=format!("Select {name}")/></td>
            })}
            <th scope="row" class="named"><a href=page.clone() title=full_name>{name
                .clone()}</a></th>
            <UrlCell url=hook.callback_url.clone()/>
            <td data-label="Turned on" class="slider">
                {if may_write {
                    view! { <HookSwitch id=id.clone() label=format!("{} turned on", hook.name)
                        on=hook.enabled/> }.into_any()
                } else {
                    state.into_any()
                }}
            </td>
            <StatusCell hook=hook.clone() data=details now/>
            <td data-label="Last 24 hours" class="day"><DayBars day/></td>
            <td data-label="Last success" class="last" title=attempt>{success}</td>
            <td class="end actions"><SchemaLink event=hook.event_type brief=true/><a
                class="dots" href=page aria-label=format!("Actions for {name}")></a></td>
        </tr>
    }
}

/// Characters at the end of a long URL that stay readable.
const TAIL: usize = 12;

/// A callback URL on one line. A long one is cut in the middle, because the end tells apart the
/// hooks of one host; the tooltip and the hook's page have all of it.
#[component]
fn UrlCell(url: String) -> impl IntoView {
    let bare = url.strip_prefix("https://").unwrap_or(&url);
    let host_at = bare.find("://").map_or(0, |at| at + 3);
    let path_at = bare[host_at..].find(['/', '?']).map_or(bare.len(), |at| host_at + at);
    let (host, path) = bare.split_at(path_at);
    let cut_at = path.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    // A short path is not cut at all.
    let cut_at = if cut_at > TAIL { cut_at } else { path.len() };
    let (start, end) = path.split_at(cut_at);
    let (host, start, end) = (host.to_owned(), start.to_owned(), end.to_owned());
    if end.is_empty() {
        return view! { <td data-label="Callback URL" class="to"
        title=url><span
        class="start whole"><b>{host}</b>{start}</span></td> }
        .into_any();
    }
    view! {
        <td data-label="Callback URL" class="to" title=url><span
            class="start"><b>{host}</b>{start}</span>{end}</td>
    }
    .into_any()
}

#[component]
fn DayBars(day: Vec<Outcomes>) -> impl IntoView {
    let all = day.iter().fold(Outcomes::default(), |sum, hour| Outcomes {
        succeeded: sum.succeeded + hour.succeeded,
        failed: sum.failed + hour.failed,
    });
    let label = words::outcomes(&all);
    let columns: Vec<_> =
        day.iter().map(|hour| Column { good: hour.succeeded, bad: hour.failed }).collect();
    (!columns.is_empty()).then(|| view! { <Bars columns label/> })
}

/// The links of a row's menu, once for all rows: a script copies them for the row whose ⋯ was
/// pressed and puts its id in. Without scripts ⋯ leads to the hook's page, which has them too.
#[component]
pub fn RowMenuTemplate(permissions: Permissions) -> impl IntoView {
    let link = move |permission: Permission, href: &'static str, text: &'static str| {
        permissions.has(permission).then(|| view! { <a href=href>{text}</a> })
    };
    view! {
        <template class="row-menu">
            {link(Permission::DeliveriesRead, "/integration/hooks/{id}/deliveries", "Deliveries")}
            {link(Permission::HooksTest, "/integration/hooks/{id}/test", "Send test")}
            {link(Permission::DeliveriesReplay, "/integration/hooks/{id}/recover", "Redeliver")}
            {link(Permission::HooksWrite, "/integration/hooks/{id}/settings", "Edit")}
            {link(Permission::HooksWrite, "/integration/hooks/new?clone={id}", "Clone")}
            {link(Permission::HooksWrite, "/integration/hooks/{id}/delete", "Delete")}
        </template>
    }
}
