//! An edit conflict: the version that another user saved beside the values of this form.

use leptos::prelude::*;

use crate::{
    ui::widgets::table::DataTable,
    view::{hooks::Conflict, words::hooks::values_differ},
};

#[component]
pub fn ConflictPanel(conflict: Conflict) -> impl IntoView {
    let Conflict { id, rows } = conflict;
    let differing = rows.iter().filter(|(_, theirs, ours)| theirs != ours).count();
    let shown = |value: String| if value.is_empty() { "server default".to_owned() } else { value };
    let rows = rows.into_iter().map(move |(name, theirs, ours)| {
        let (class, mark) = if theirs == ours { ("", "Same") } else { ("differs", "Different") };
        view! {
            <tr class=class>
                <th scope="row">{name}</th>
                <td data-label="Saved"><span class="wrap">{shown(theirs)}</span></td>
                <td data-label="Yours (not saved)"><span class="wrap">{shown(ours)}</span></td>
                <td data-label="Comparison">{mark}</td>
            </tr>
        }
    });
    view! {
        <section class="summary warn conflict" role="alert">
            <h2>"Someone else changed this hook"</h2>
            <p>{values_differ(differing)} " Your values are in the form below and aren't saved \
                yet."</p>
            <DataTable label="Saved values and yours" columns=&["Setting", "Saved",
                "Yours (not saved)", "Comparison"]>{rows.collect_view()}</DataTable>
            <p>"Save to keep your values, or " <a
                href=format!("/integration/hooks/{id}/settings")>"discard them and load the saved \
                    ones"</a> "."</p>
        </section>
    }
}
