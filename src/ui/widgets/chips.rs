//! The active filters of a list as chips. Each chip links to the list without its filter.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// A filter's name and value, and the address of the list without it.
pub struct Chip {
    pub name: &'static str,
    pub value: String,
    pub without: String,
}

/// `all` is the address of the list without any filter.
#[component]
pub fn Chips(chips: Vec<Chip>, all: String) -> impl IntoView {
    let is_several = chips.len() > 1;
    (!chips.is_empty()).then(|| {
        let items = chips.into_iter().map(|Chip { name, value, without }| {
            let label = format!("Remove filter: {name} {value}");
            view! {
                <li><a class="chip" href=without aria-label=label>
                    <span class="faint">{name}</span>" "{value}<Icon name=IconName::Close/>
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
