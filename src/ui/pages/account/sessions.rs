//! The user's own sessions: on which devices they are signed in.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::{
    domain::time::Timestamp,
    rpc::account::{EndOtherSessions, EndSession},
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::DateTime,
        table::DataTable,
    },
    view::account::SessionRow,
};

#[component]
pub fn Sessions(rows: Vec<SessionRow>, now: Timestamp) -> impl IntoView {
    let has_others = rows.iter().any(|row| !row.is_current);
    let rows = rows.into_iter().map(|row| view! { <Row row now/> }).collect_view();
    view! {
        <section class="card" aria-labelledby="sessions-title">
            <h2 id="sessions-title">"Sessions"</h2>
            <p class="hint">"Where you are signed in. A session ends after 12 hours without use, \
                and after 7 days in any case. Device and address are as reported at sign-in."</p>
            <div id="live-sessions" data-live="">
                <DataTable label="Your sessions" columns=&["Device", "IP address", "Signed in",
                    "Last used", "Actions"]>{rows}</DataTable>
                {has_others.then(|| view! {
                    <form class="buttons" method="post" action=EndOtherSessions::url()>
                        <button type="submit">"End all other sessions"</button>
                    </form>
                })}
            </div>
        </section>
    }
}

#[component]
fn Row(row: SessionRow, now: Timestamp) -> impl IntoView {
    let SessionRow { id, device, address, signed_in, last_used, is_current } = row;
    let label = format!("End session: {device}, {address}");
    let action = if is_current {
        view! { <Badge tone=Tone::Good text="This session"/> }.into_any()
    } else {
        view! {
            <form method="post" action=EndSession::url()>
                <input type="hidden" name="id" value=id/>
                <button type="submit" aria-label=label>"End session"</button>
            </form>
        }
        .into_any()
    };
    view! {
        <tr>
            <th scope="row" class="named">{device}</th>
            <td data-label="IP address" class="named">{address}</td>
            <td data-label="Signed in"><DateTime at=signed_in now/></td>
            <td data-label="Last used"><DateTime at=last_used now/></td>
            <td data-label="Actions">{action}</td>
        </tr>
    }
}
