//! What a list is narrowed by at present: a chip for each, which is a link to the list without it.

use leptos::prelude::*;

/// One of them: what is narrowed, to what, and the address of the list without it.
pub struct Chip {
    pub name: &'static str,
    pub value: String,
    pub without: String,
}

/// `all` is the address of the list with none of them.
#[component]
pub fn Chips(chips: Vec<Chip>, all: String) -> impl IntoView {
    let is_several = chips.len() > 1;
    (!chips.is_empty()).then(|| {
        let items = chips.into_iter().map(|Chip { name, value, without }| {
            let label = format!("Remove filter: {name} {value}");
            view! {
                <li><a class="chip" href=without aria-label=label>
                    <span class="faint">{name}</span>" "{value}<span aria-hidden="true">" ✕"</span>
                </a></li>
            }
        });
        view! {
            <ul class="chips" aria-label="Filters">
                {items.collect_view()}
                {is_several.then(|| view! { <li><a href=all>"Remove all"</a></li> })}
            </ul>
        }
    })
}
