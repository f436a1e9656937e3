//! One hook in the list.

use leptos::prelude::*;

use super::{CallbackUrl, status::StatusCell};
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
            datetime::DateTime,
            menu::RowMenu,
            switch::HookSwitch,
        },
    },
    view::{hooks::HookRow, words::hooks as words},
};

/// `with_event`: the row is not in an event's group, so it shows its event itself.
#[component]
pub fn Row(
    row: HookRow,
    now: Timestamp,
    permissions: Permissions,
    with_event: bool,
) -> impl IntoView {
    let HookRow { hook, details, last, day } = row;
    let id = hook.id.to_string();
    let page = format!("/integration/hooks/{id}");
    let may_write = permissions.has(Permission::HooksWrite);
    let state = if hook.enabled { "On" } else { "Off" };
    let last = last.map(|delivery| view! { <DateTime at=delivery.created_at now/> });
    let (name, anchor) = (hook.name.clone(), format!("h-{id}"));
    view! {
        <tr id=anchor class="hook" data-live="">
            {may_write.then(|| view! {
                <td class="pick"><input type="checkbox" name="ids[]" value=id.clone() form="bulk"
                    aria-label=format!("Select {name}")/></td>
            })}
            <th scope="row" class="named">
                <a href=page>{hook.name.clone()}</a>
                {with_event.then(|| view! { <br/> <span
                    class="faint small">{hook.event_type.name()}</span> })}
            </th>
            <td data-label="Callback URL"><CallbackUrl url=hook.callback_url.clone()/></td>
            <td data-label="Turned on">
                {if may_write {
                    view! { <HookSwitch id=id.clone() label=format!("{} turned on", hook.name)
                        on=hook.enabled/> }.into_any()
                } else {
                    state.into_any()
                }}
            </td>
            <StatusCell hook=hook.clone() data=details now/>
            <td data-label="Last 24 hours" class="day"><DayBars day/></td>
            <td data-label="Last delivery">{last}</td>
            <td class="end actions"><SchemaLink event=hook.event_type brief=true/> <Actions id
                name=hook.name permissions/></td>
        </tr>
    }
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

#[component]
fn Actions(id: String, name: String, permissions: Permissions) -> impl IntoView {
    let page = format!("/integration/hooks/{id}");
    let link = move |permission: Permission, href: String, text: &'static str| {
        permissions.has(permission).then(|| view! { <a href=href>{text}</a> })
    };
    view! {
        <RowMenu id=format!("m-{id}") label=format!("Actions for {name}")>
            {link(Permission::DeliveriesRead, format!("{page}/deliveries"), "Deliveries")}
            {link(Permission::HooksTest, format!("{page}/test"), "Send test")}
            {link(Permission::DeliveriesReplay, format!("{page}/recover"), "Redeliver")}
            {link(Permission::HooksWrite, format!("{page}/settings"), "Edit")}
            {link(Permission::HooksWrite, format!("/integration/hooks/new?clone={id}"), "Clone")}
            {link(Permission::HooksWrite, format!("{page}/delete"), "Delete")}
        </RowMenu>
    }
}
