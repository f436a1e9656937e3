//! How the portal itself does, each thing with a word and the mark it is measured by.

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
    let Data { checks, facts, started_at, now } = page;
    let worst = checks.iter().map(|check| check.grade).max().unwrap_or(Grade::Good);
    let sentence = match worst {
        Grade::Good => "Everything is well.",
        Grade::Watch => "It works, and something needs a look.",
        Grade::Bad => "Something is wrong.",
    };
    let rows = checks.into_iter().map(|check| view! { <Row check/> });
    let facts = facts.into_iter().map(|(term, words)| view! { <Fact term>{words}</Fact> });
    view! {
        <Title text="Status"/>
        <div class="heading">
            <div>
                <h1>"Status"</h1>
                <p class="lead">{sentence} " Read " <DateTime at=now now/> "."</p>
            </div>
            <a class="button" href="/status">"Refresh"</a>
        </div>
        <div class="columns">
            <DataTable label="What was looked at" columns=&["Part", "State", "Found",
                "Mark"]>{rows.collect_view()}</DataTable>
            <section class="card facts" aria-labelledby="facts-title">
                <h2 id="facts-title">"Facts"</h2>
                <dl>{facts.collect_view()} <Fact term="Started"><DateTime
                    at=started_at now/></Fact></dl>
            </section>
        </div>
    }
}

#[component]
fn Row(check: Check) -> impl IntoView {
    let (tone, word) = match check.grade {
        Grade::Good => (Tone::Good, "Well"),
        Grade::Watch => (Tone::Warning, "Look"),
        Grade::Bad => (Tone::Bad, "Wrong"),
    };
    view! {
        <tr>
            <th scope="row">{check.name}</th>
            <td data-label="State"><Badge tone text=word/></td>
            <td data-label="Found">{check.words}</td>
            <td data-label="Mark" class="count">{check.limit}</td>
        </tr>
    }
}
