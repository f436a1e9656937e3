//! Two people changed one hook: what the other one saved, beside what was typed here.

use leptos::prelude::*;

use crate::{ui::widgets::table::DataTable, view::hooks::Conflict};

#[component]
pub fn ConflictPanel(conflict: Conflict) -> impl IntoView {
    let Conflict { id, rows } = conflict;
    let differing = rows.iter().filter(|(_, theirs, ours)| theirs != ours).count();
    let count = match differing {
        0 => "Nothing differs: saving again changes nothing.".to_owned(),
        1 => "One value differs.".to_owned(),
        many => format!("{many} values differ."),
    };
    let said =
        |value: String| if value.is_empty() { "the operator's setting".to_owned() } else { value };
    let rows = rows.into_iter().map(move |(name, theirs, ours)| {
        let (class, mark) = if theirs == ours { ("", "same") } else { ("differs", "differs") };
        view! {
            <tr class=class>
                <th scope="row">{name}</th>
                <td data-label="Saved now"><span class="wrap">{said(theirs)}</span></td>
                <td data-label="Yours, not saved"><span class="wrap">{said(ours)}</span></td>
                <td data-label="Compared">{mark}</td>
            </tr>
        }
    });
    view! {
        <section class="summary warn conflict" role="alert">
            <h2>"Somebody else changed this hook meanwhile"</h2>
            <p>{count} " Your values are in the form below and are not saved yet."</p>
            <DataTable label="Saved now and yours" columns=&["Setting", "Saved now",
                "Yours, not saved", "Compared"]>{rows.collect_view()}</DataTable>
            <p>"Save to replace what is saved with your values, or " <a
                href=format!("/integration/hooks/{id}/settings")>"start again from what is \
                    saved"</a> "."</p>
        </section>
    }
}
