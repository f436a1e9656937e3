//! What was dismissed, by whom and why, newest first, and the button that brings it back.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use crate::{
    domain::{delivery::State, dismissal::Dismissal, time::Timestamp, words::count},
    rpc::dismissals::{Undo, read_dismissals},
    ui::{
        pages::query,
        widgets::{
            datetime::DateTime,
            frame::{Frame, Place},
            loaded::loaded,
            pages::Pages,
            table::DataTable,
        },
    },
    view::{
        inbox::{DismissalList, DismissalRow},
        words::{deliveries::DELETED_HOOK, inbox as words},
    },
};

#[component]
pub fn DismissedPage() -> impl IntoView {
    view! { <Frame place=Place::Undelivered>{loaded(read_dismissals(query("before")),
    |list| view! { <Content list/> })}</Frame> }
}

#[component]
fn Content(list: DismissalList) -> impl IntoView {
    let DismissalList { rows, older, may_replay, now } = list;
    let is_empty = rows.is_empty();
    let rows = rows.into_iter().map(|row| view! { <Row row may_replay now/> }).collect_view();
    view! {
        <Title text="Dismissed"/>
        <p class="crumbs"><a href="/integration/undelivered">"Undelivered"</a></p>
        <h1>"Dismissed"</h1>
        {if is_empty {
            view! { <p class="empty">"Nothing was dismissed. Under Undelivered you can dismiss \
                events that need not be sent."</p> }.into_any()
        } else {
            view! { <DataTable label="Dismissed events" columns=&["Dismissed", "Hook", "Events",
                "Reason", "By", "Actions"]>{rows}</DataTable> }.into_any()
        }}
        <Pages newest=None newer=None older/>
    }
}

#[component]
fn Row(row: DismissalRow, may_replay: bool, now: Timestamp) -> impl IntoView {
    let DismissalRow { dismissal, name } = row;
    let Dismissal { id, hook, state, answer, reason, number, created_by, created_at, .. } =
        dismissal;
    let label = format!("Bring back {}: {reason}", count(number, "event"));
    let is_deleted = name.is_none();
    let hook = match name {
        Some(name) => view! { <a href=format!("/integration/hooks/{hook}")>{name}</a> }.into_any(),
        None => DELETED_HOOK.into_any(),
    };
    let undone = dismissal.undone_at.map(|at| {
        let by = dismissal.undone_by.unwrap_or_default();
        view! { "Brought back " <DateTime at now/> " by " {by} }
    });
    let is_undone = undone.is_some();
    // Only an existing hook can send what it held.
    let is_lost = state == State::Held && is_deleted;
    let can_undo = may_replay && !is_undone && !is_lost;
    let lost = (is_lost && !is_undone).then_some("The hook was deleted: can't be brought back.");
    view! {
        <tr id=format!("d-{id}")>
            <th scope="row"><DateTime at=created_at now/></th>
            <td data-label="Hook" class="named">{hook}</td>
            <td data-label="Events">{count(number, "event")} <p
                class="small">{words::cause_before(state, answer)}</p></td>
            <td data-label="Reason" class="named">{reason}</td>
            <td data-label="By" class="named">{created_by}</td>
            <td data-label="Actions">{undone} {lost} {can_undo.then(|| view! {
                <form method="post" action=Undo::url()>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <button type="submit" aria-label=label>"Bring back"</button>
                </form>
            })}</td>
        </tr>
    }
}
