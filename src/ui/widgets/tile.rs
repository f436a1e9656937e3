//! A figure with its name: the numbers on top of a page. A tile with an address leads to exactly
//! what it counts.

use leptos::prelude::*;

use super::badge::Tone;

/// Tiles side by side, as many in a row as fit. `label` names the group for screen readers.
#[component]
pub fn Tiles(label: &'static str, children: Children) -> impl IntoView {
    view! { <div class="tiles" role="group" aria-label=label>{children()}</div> }
}

/// `figure` is the number with its unit, `note` puts it into relation, for example `of 61`. `id`
/// must be unique and stable on the page: open pages update the tile by it.
#[component]
pub fn Tile(
    id: &'static str,
    #[prop(into)] label: String,
    #[prop(into)] figure: String,
    #[prop(optional, into)] note: String,
    /// Colours the figure. `Neutral` if nothing is wrong.
    #[prop(default = Tone::Neutral)]
    tone: Tone,
    #[prop(optional_no_strip, into)] href: Option<String>,
) -> impl IntoView {
    let class = match tone {
        Tone::Good => "tile good",
        Tone::Warning => "tile warn",
        Tone::Bad => "tile bad",
        Tone::Neutral => "tile",
    };
    let inside = view! {
        <span class="tile-label">{label}</span>
        " " <b class="tile-figure">{figure}</b> " "
        {(!note.is_empty()).then(|| view! { <span class="tile-note">{note}</span> })}
    };
    match href {
        Some(href) => view! { <a id=id class=class href=href data-live="">{inside}</a> }.into_any(),
        None => view! { <p id=id class=class data-live="">{inside}</p> }.into_any(),
    }
}
