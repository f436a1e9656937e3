//! The status page: the health checks of this server, each with its limit, and server details.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    rpc::status::read,
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::DateTime,
        definition::Fact,
        frame::{Frame, Place},
        loaded::loaded,
        table::DataTable,
    },
    view::status::{Check, Grade, StatusPage as Data},
};

#[component]
pub fn StatusPage() -> impl IntoView {
    view! { <Frame place=Place::Status>{loaded(read(), |page| view! { <Content page/> })}</Frame> }
}

#[component]
fn Content(page: Data) -> impl IntoView {
    let Data { summary, checks, facts, started_at, now } = page;
    let rows = checks.into_iter().map(|check| view! { <Row check/> });
    let facts = facts.into_iter().map(|(term, words)| view! { <Fact term>{words}</Fact> });
    view! {
        <Title text="Status"/>
        <div class="heading">
            <div>
                <h1>"Status"</h1>
                <p class="lead" id="live-summary" data-live="">{summary}
                    " Updated " <DateTime at=now now/> "."</p>
            </div>
        </div>
        <div class="columns" id="live-status" data-live="">
            <DataTable label="Health checks" columns=&["Component", "Status", "Result",
                "Limit"]>{rows.collect_view()}</DataTable>
            <section class="card facts" aria-labelledby="facts-title">
                <h2 id="facts-title">"Server"</h2>
                <dl>{facts.collect_view()} <Fact term="Started"><DateTime
                    at=started_at now/></Fact></dl>
            </section>
        </div>
    }
}

#[component]
fn Row(check: Check) -> impl IntoView {
    let (tone, word) = match check.grade {
        Grade::Ok => (Tone::Good, "OK"),
        Grade::Warning => (Tone::Warning, "Warning"),
        Grade::Problem => (Tone::Bad, "Problem"),
    };
    view! {
        <tr>
            <th scope="row">{check.name}</th>
            <td data-label="Status"><Badge tone text=word/></td>
            <td data-label="Result">{check.words}</td>
            <td data-label="Limit" class="count">{check.limit}</td>
        </tr>
    }
}
