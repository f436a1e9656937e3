//! A table that scrolls by itself where it is too wide, and says what it is.

use leptos::prelude::*;

/// `label` names it for whoever cannot see it; `columns` are its heads; the children are its rows.
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
