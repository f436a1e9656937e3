//! Every widget in every state on one page, for developers and for the screenshot tests. A release
//! build answers *Not found* here. To add a widget, begin at [`SECTIONS`].

mod forms;
mod sections;

use leptos::prelude::*;
use leptos_meta::Title;

use super::not_found::NotFound;
use crate::ui::widgets::frame::{Frame, Place};

struct Section(&'static str, fn() -> AnyView);

/// The sections: name and function. A new widget is one line here and one function in `sections` or
/// `forms`.
const SECTIONS: &[Section] = &[
    Section("Text", sections::text),
    Section("Buttons", sections::buttons),
    Section("Badges", sections::badges),
    Section("Icons", sections::icons),
    Section("Figures", sections::tiles),
    Section("Panels and empty lists", sections::panels),
    Section("Sliders", forms::switches),
    Section("Fields", forms::fields),
    Section("Fields with errors", forms::wrong_fields),
    Section("Choices", forms::choices),
    Section("Messages", sections::messages),
    Section("Menus", sections::menus),
    Section("Times", sections::times),
    Section("Details", sections::facts),
    Section("Tables", sections::tables),
    Section("Lists", sections::lists),
    Section("Charts", sections::charts),
    Section("Code", sections::code),
    Section("Errors", sections::errors),
];

#[component]
pub fn StyleguidePage() -> impl IntoView {
    if cfg!(debug_assertions) {
        view! { <Frame place=Place::None><Sections/></Frame> }.into_any()
    } else {
        view! { <NotFound/> }.into_any()
    }
}

#[component]
fn Sections() -> impl IntoView {
    let sections = SECTIONS.iter().map(|Section(name, make)| {
        let id = name.to_lowercase().replace(' ', "-");
        let title = id.clone();
        view! {
            <section class="sample" aria-labelledby=id>
                <h2 id=title>{*name}</h2>
                {make()}
            </section>
        }
    });
    view! {
        <Title text="Style guide"/>
        <h1>"Style guide"</h1>
        <p class="lead">"Every widget in every state. Change the theme in the header."</p>
        {sections.collect_view()}
    }
}
