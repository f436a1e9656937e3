//! Exports what the list is filtered by: a form that downloads a file.

use leptos::prelude::*;

use crate::view::log::LogPage;

#[component]
pub fn Export(page: LogPage) -> impl IntoView {
    let hidden = page.query.filters().into_iter();
    let hidden = hidden.map(|(name, value)| view! { <input type="hidden" name=name value=value/> });
    view! {
        <details class="export">
            <summary class="button">"Export"</summary>
            <form class="card" method="get" action=format!("{}/export", page.path)>
                {hidden.collect_view()}
                <label class="slot"><span>"Format"</span>
                    <select name="format">
                        <option value="csv">"CSV"</option>
                        <option value="jsonl">"JSON Lines"</option>
                    </select>
                </label>
                {page.may_see_bodies.then(|| view! {
                    <label class="tick"><input type="checkbox" name="payloads" value="true"/>
                        " Include payloads"</label>
                })}
                <p class="small">"All deliveries that match the filters, up to 1,000,000. \
                                  Each export is recorded in the audit log."</p>
                <button type="submit">"Download"</button>
            </form>
        </details>
    }
}
