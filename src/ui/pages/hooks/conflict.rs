//! An edit conflict: the version that another user saved beside the values of this form, or that
//! the hook was deleted meanwhile.

use leptos::prelude::*;

use crate::{
    ui::widgets::{datetime::ExactDateTime, table::DataTable},
    view::{
        hooks::{Conflict, DeletedMeanwhile},
        words::hooks::values_differ,
    },
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

/// The hook was deleted while its form was open. The form below creates it again.
#[component]
pub fn DeletedPanel(deleted: DeletedMeanwhile) -> impl IntoView {
    let DeletedMeanwhile { name, at, by } = deleted;
    let by = by.map(|by| view! { " by " <b>{by}</b> });
    view! {
        <section class="summary warn conflict" role="alert" tabindex="-1" autofocus>
            <h2>{format!("\"{name}\" was deleted")}</h2>
            <p>"Deleted at " <ExactDateTime at/> {by} ". Your changes weren't saved. Your values \
                are in the form below."</p>
            <p>"You can create the hook again with these values. It gets a new ID and a new \
                signing secret. Enter the API key again unless you changed it: it was deleted with \
                the hook."</p>
        </section>
    }
}
