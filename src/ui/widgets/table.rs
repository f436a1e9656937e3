//! A data table with a caption, which scrolls sideways when it is too wide.

use leptos::prelude::*;

/// `label` is the caption for screen readers; `columns` are the headings; the children are rows.
#[component]
pub fn DataTable(
    label: &'static str,
    columns: &'static [&'static str],
    children: Children,
) -> impl IntoView {
    let heads = columns.iter().map(|column| view! { <th scope="col">{*column}</th> });
    view! {
        <div class="scroll" role="group" aria-label=label tabindex="0">
            <table>
                <caption class="visually-hidden">{label}</caption>
                <thead><tr>{heads.collect_view()}</tr></thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}
