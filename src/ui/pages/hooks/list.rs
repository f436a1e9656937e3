//! The landing page: every event of the catalogue with the hooks that listen to it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{CallbackUrl, Condition};
use crate::{
    domain::{
        event::EventType,
        permission::{Permission, Permissions},
        time::Timestamp,
    },
    rpc::{
        hooks::{HookList, HookRow, list},
        session::read_frame,
    },
    ui::{
        pages::deliveries::Outcome,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
            moment::Moment,
            switch::HookSwitch,
        },
    },
};

#[component]
pub fn HooksPage() -> impl IntoView {
    let read = async { Ok((list().await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Hooks>{loaded(read, |(list, permissions)| view! { <Content list permissions/> })}</Frame>
    }
}

#[component]
fn Content(list: HookList, permissions: Permissions) -> impl IntoView {
    let may_write = permissions.has(Permission::HooksWrite);
    let HookList { rows, now } = list;
    let count = match rows.len() {
        1 => "1 hook".to_owned(),
        count => format!("{count} hooks"),
    };
    let is_empty = rows.is_empty();
    let groups = EventType::ALL.iter().map(|event| {
        let rows = rows.iter().filter(|row| row.hook.event_type == *event).cloned().collect();
        view! { <Group event=*event rows now may_write/> }
    });
    view! {
        <Title text="Service hooks"/>
        <div class="heading">
            <div>
                <h1>"Service hooks"</h1>
                <p class="lead">"Push a notification to a URL when something happens in the contact centre."</p>
            </div>
            {may_write.then(|| view! { <a class="button primary" href="/integration/hooks/new">"New hook"</a> })}
        </div>
        {(is_empty && may_write).then(|| view! { <FirstSteps/> })}
        <p class="count">{count} ", " {EventType::ALL.len()} " events"</p>
        <div class="scroll" role="region" aria-label="Service hooks" tabindex="0">
            <table class="hooks">
                <caption class="visually-hidden">"Service hooks by event"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Hook"</th>
                        <th scope="col">"Callback URL"</th>
                        <th scope="col">"Enabled"</th>
                        <th scope="col">"Condition"</th>
                        <th scope="col">"Last delivery"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                {groups.collect_view()}
            </table>
        </div>
    }
}

/// For whoever has no hook yet: the way to the first delivery.
#[component]
fn FirstSteps() -> impl IntoView {
    view! {
        <section class="card steps">
            <h2>"Three steps to the first delivery"</h2>
            <ol>
                <li>"Start a receiver: " <code>"service-hooks listen"</code> " is one for trying things out."</li>
                <li><a href="/integration/hooks/new">"Make a hook"</a> " for an event, with the receiver's URL and a key it expects."</li>
                <li>"Press " <b>"Send test"</b> " on the hook's page and look at what came back."</li>
            </ol>
        </section>
    }
}

#[component]
fn Group(event: EventType, rows: Vec<HookRow>, now: Timestamp, may_write: bool) -> impl IntoView {
    let key = event.key();
    let is_empty = rows.is_empty();
    let rows = rows.into_iter().map(|row| view! { <Row row now may_write/> });
    view! {
        <tbody>
            <tr class="group">
                <th scope="rowgroup" colspan="4">
                    <a href=format!("/integration/events/{key}")>{event.name()}</a> <code>{key}</code>
                    {is_empty.then(|| view! { <span class="faint">"Not set up"</span> })}
                </th>
                <td colspan="2" class="end">
                    {(is_empty && may_write).then(|| view! {
                        <a href=format!("/integration/hooks/new?event={key}") aria-label=format!("Set up a hook for {}", event.name())>"Set up"</a>
                    })}
                    <SchemaLink event/>
                </td>
            </tr>
            {rows.collect_view()}
        </tbody>
    }
}

/// *Download JSON schema*, short enough for a row.
#[component]
pub fn SchemaLink(event: EventType) -> impl IntoView {
    let href = format!("/integration/events/{}/schema.json", event.key());
    view! {
        <a href=href download aria-label=format!("Download JSON schema of {}", event.name()) title="Download JSON schema">"↓ JSON schema"</a>
    }
}

#[component]
fn Row(row: HookRow, now: Timestamp, may_write: bool) -> impl IntoView {
    let HookRow { hook, health, last } = row;
    let id = hook.id.to_string();
    let page = format!("/integration/hooks/{id}");
    let anchor = format!("h-{id}");
    let state = if hook.enabled { "On" } else { "Off" };
    let last =
        last.map(|delivery| view! { <Outcome delivery=delivery.clone()/> <br/> <Moment at=delivery.created_at now/> });
    view! {
        <tr id=anchor class="hook">
            <th scope="row"><a href=page.clone()>{hook.name.clone()}</a></th>
            <td data-label="Callback URL"><CallbackUrl url=hook.callback_url.clone()/></td>
            <td data-label="Enabled">
                {if may_write {
                    view! { <HookSwitch id label=format!("{} enabled", hook.name) on=hook.enabled/> }.into_any()
                } else {
                    state.into_any()
                }}
            </td>
            <td data-label="Condition"><Condition hook=hook.clone() health now/></td>
            <td data-label="Last delivery">{last}</td>
            <td class="end actions">
                <SchemaLink event=hook.event_type/>
                {may_write.then(|| view! { <a href=format!("{page}/settings") aria-label=format!("Edit {}", hook.name)>"Edit"</a> })}
            </td>
        </tr>
    }
}
