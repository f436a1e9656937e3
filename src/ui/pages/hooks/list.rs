//! The landing page: every event type with its hooks.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{
    filter::{Filter, Head, Pages},
    first_steps::FirstSteps,
    row::{Row, RowMenuTemplate},
    tiles::FigureTiles,
};
use crate::{
    domain::{
        address::address,
        event::EventType,
        hook_query::{HookQuery, Sort},
        permission::{Permission, Permissions},
    },
    rpc::{
        hooks::{SetEnabledMany, list},
        session::read_frame,
    },
    ui::{
        pages::{query, schema_link::SchemaLink},
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::hooks::{HookList, HookRow},
};

#[component]
pub fn HooksPage() -> impl IntoView {
    let list = list(query("q"), query("status"), query("sort"), query("page"));
    let read = async { Ok((list.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Hooks>{loaded(read,
            |(list, permissions)| view! { <Content list permissions/> })}</Frame>
    }
}

#[component]
fn Content(list: HookList, permissions: Permissions) -> impl IntoView {
    let may_write = permissions.has(Permission::HooksWrite);
    let (total, found) = (list.total, list.found);
    let is_empty = list.rows.is_empty() && list.not_set_up.is_empty();
    let (asked, pages) = (list.query.clone(), list.pages);
    view! {
        <Title text="Service hooks"/>
        <div class="heading">
            <div>
                <h1>"Service hooks"</h1>
                {(total == 0).then(|| view! { <p class="lead">"Send events from your contact \
                    centre to your own systems as they happen."</p> })}
            </div>
            {may_write.then(|| view! { <a class="button primary"
                href="/integration/hooks/new">"New hook"</a> })}
        </div>
        <FirstSteps/>
        {(total > 0).then(|| view! { <FigureTiles list=list.clone()/> })}
        <Filter list=list.clone()/>
        {if is_empty {
            view! { <p class="empty">"No matching hooks or event types. " <a
                href="/integration/hooks">"Show all"</a></p> }.into_any()
        } else {
            view! { <Table list permissions/> }.into_any()
        }}
        {(may_write && found > 0).then(|| view! { <Bulk query=asked.clone() found/> })}
        <Pages query=asked pages/>
    }
}

#[component]
fn Table(list: HookList, permissions: Permissions) -> impl IntoView {
    let HookList { query, rows, not_set_up, now, .. } = list;
    let may_write = permissions.has(Permission::HooksWrite);
    let body = if query.sort == Sort::Event {
        let has_rows = |event: &EventType| rows.iter().any(|row| row.hook.event_type == *event);
        let shown =
            EventType::ALL.iter().filter(|event| not_set_up.contains(event) || has_rows(event));
        let groups = shown.map(|event| {
            let rows: Vec<HookRow> =
                rows.iter().filter(|row| row.hook.event_type == *event).cloned().collect();
            view! { <Group event=*event is_set_up=!rows.is_empty() may_write>
                {rows.into_iter().map(|row| view! { <Row row now permissions
                    with_event=false/> }).collect_view()}
            </Group> }
        });
        groups.collect_view().into_any()
    } else {
        let rows = rows.into_iter().map(|row| view! { <Row row now permissions with_event=true/> });
        view! { <tbody>{rows.collect_view()}</tbody> }.into_any()
    };
    view! {
        <div class="scroll" role="region" aria-label="Service hooks" tabindex="0">
            <table class="hooks">
                <caption class="visually-hidden">"Service hooks by event"</caption>
                <thead>
                    <tr>
                        {may_write.then(|| view! { <td class="pick"></td> })}
                        <Head query=query.clone() sort=Sort::Name text="Hook" class="named"/>
                        <th scope="col" class="to">"Callback URL"</th>
                        <th scope="col" class="slider">"Turned on"</th>
                        <Head query=query.clone() sort=Sort::Status text="Status"
                            class="condition"/>
                        <th scope="col" class="day">"Last 24 hours"</th>
                        <Head query sort=Sort::Last text="Last success" class="last"/>
                        <th scope="col" class="actions"><span
                            class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                {body}
            </table>
        </div>
        <RowMenuTemplate permissions/>
    }
}

#[component]
fn Group(event: EventType, is_set_up: bool, may_write: bool, children: Children) -> impl IntoView {
    let key = event.key();
    view! {
        <tbody>
            <tr class="group">
                <th scope="rowgroup" colspan=if may_write { "5" } else { "4" }>
                    <a href=format!("/integration/events/{key}")>{event
                        .name()}</a> <code>{key}</code>
                    {(!is_set_up).then(|| view! { <span class="faint">"Not set up"</span> })}
                </th>
                // A cell of its own: on narrow screens it is hidden together with its column.
                <td class="day"></td>
                <td colspan="2" class="end">
                    {(!is_set_up && may_write).then(|| view! {
                        <a href=format!("/integration/hooks/new?event={key}")
                            aria-label=format!("Set up a hook for {}", event.name())>"Set up"</a>
                    })}
                    <SchemaLink event/>
                </td>
            </tr>
            {children()}
        </tbody>
    }
}

/// Bulk actions. The checkboxes are in the table and belong to this form by its `id`. All matching
/// hooks, on whatever page, are turned on or off after a question.
#[component]
fn Bulk(query: HookQuery, found: usize) -> impl IntoView {
    let all = move |enabled: &str| {
        let query =
            [("q", query.text.as_str()), ("status", query.status.key()), ("enabled", enabled)];
        address("/integration/hooks/switch", &query)
    };
    view! {
        <form id="bulk" class="bulk" method="post" action=SetEnabledMany::url()>
            <span>"Selected hooks:"</span>
            <button type="submit" name="enabled" value="true">"Turn on"</button>
            <button type="submit" name="enabled" value="false">"Turn off"</button>
            {(found > 1).then(|| view! {
                <span>"All " {found} " that match:"</span>
                <a class="button" href=all("true") aria-label="Turn on all that match">"Turn \
                    on"</a>
                <a class="button" href=all("false") aria-label="Turn off all that match">"Turn \
                    off"</a>
            })}
        </form>
    }
}
