//! The fields of an event's payload, and the changes of each schema version.

use leptos::prelude::*;

use crate::{
    domain::{
        contract::{Difference, Field, What},
        event::EventType,
    },
    ui::widgets::{
        badge::{Badge, Tone},
        table::DataTable,
    },
    view::events::SchemaVersion,
};

/// A row for each field. Nested fields have dotted names instead of indentation.
#[component]
pub fn Fields(fields: Vec<Field>) -> impl IntoView {
    let rows = fields.into_iter().map(|field| {
        let (kind, rules) = (field.kind(), field.rule_words());
        let anchor = format!("field-{}", field.path);
        let link = format!("#{anchor}");
        view! {
            <tr id=anchor>
                <th scope="row"><a href=link><code>{field.path}</code></a></th>
                <td data-label="Type">{kind}</td>
                <td data-label="Required">
                    {if field.required { "required" } else { "optional" }}
                </td>
                <td data-label="Rules">{rules}</td>
                <td data-label="Meaning">{field.meaning} {field.is_personal
                    .then(|| view! { " " <span class="faint">"Personal data, masked in \
                        tests."</span> })}</td>
                <td data-label="Example">{field.example.map(|example| view! { <code
                    class="wrap">{example}</code> })}</td>
            </tr>
        }
    });
    view! {
        <DataTable label="Fields" columns=&["Field", "Type", "Required", "Rules", "Meaning",
            "Example"]>{rows.collect_view()}</DataTable>
    }
}

/// All schema versions, newest first, each with its changes.
#[component]
pub fn Versions(event: EventType, versions: Vec<SchemaVersion>) -> impl IntoView {
    let is_only = versions.len() == 1;
    let rows = versions.into_iter().enumerate().map(move |(position, version)| {
        let number = version.number;
        let href = format!("/integration/events/{}/schema.json?v={number}", event.key());
        let old = format!("{href}&draft=07");
        view! {
            <tr>
                <th scope="row">"Version " {version.number} {(position == 0)
                    .then_some(" (current)")}</th>
                <td data-label="Since">"Service Hooks " {version.since}</td>
                <td data-label="What changed">{version.note} <Changes changes=version.changes/></td>
                <td data-label="Download"><a href=href download
                    aria-label=format!("2020-12, version {number}")>"2020-12"</a> ", " <a
                        href=old download aria-label=format!("draft-07, version \
                            {number}")>"draft-07"</a></td>
            </tr>
        }
    });
    view! {
        <DataTable label="Versions" columns=&["Version", "Since", "What changed",
            "Download"]>{rows.collect_view()}</DataTable>
        {is_only.then(|| view! { <p class="hint">"One version so far. New versions are listed here \
            with their added, removed and changed fields."</p> })}
    }
}

/// The changes of a version, with a badge for each side that they break.
#[component]
fn Changes(changes: Vec<Difference>) -> impl IntoView {
    (!changes.is_empty()).then(|| {
        let items = changes.into_iter().map(|change| {
            let words = match change.what {
                What::Added => "added".to_owned(),
                What::Removed => "removed".to_owned(),
                What::Changed(words) => words.join("; "),
            };
            view! {
                <li>
                    <code>{change.path}</code> ": " {words} " "
                    {change.breaks_receivers.then(|| view! { <Badge tone=Tone::Bad
                        text="Breaking for receivers"/> })} " "
                    {change.breaks_senders.then(|| view! { <Badge tone=Tone::Warning
                        text="Breaking for senders"/> })}
                </li>
            }
        });
        view! { <ul class="plain">{items.collect_view()}</ul> }
    })
}
