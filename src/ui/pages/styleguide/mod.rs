//! Every widget in every state, on one page, for whoever builds the portal and for the pictures that watch it. In a
//! release there is no such page.

mod sections;

use leptos::prelude::*;
use leptos_meta::Title;

use super::not_found::NotFound;
use crate::ui::widgets::frame::{Frame, Place};

/// What is shown: a name and what makes it. A new widget is one line here and one function in `sections`.
const SECTIONS: &[(&str, fn() -> AnyView)] = &[
    ("Text", sections::text),
    ("Buttons", sections::buttons),
    ("Badges", sections::badges),
    ("Sliders", sections::switches),
    ("Fields", sections::fields),
    ("Fields that were wrong", sections::wrong_fields),
    ("Choices", sections::choices),
    ("Messages", sections::messages),
    ("Menus", sections::menus),
    ("Times", sections::times),
    ("Facts", sections::facts),
    ("Tables", sections::tables),
    ("Charts", sections::charts),
    ("Code", sections::code),
    ("Errors", sections::errors),
];

#[component]
pub fn StyleguidePage() -> impl IntoView {
    if cfg!(debug_assertions) {
        view! { <Frame place=Place::Nowhere><Sections/></Frame> }.into_any()
    } else {
        view! { <NotFound/> }.into_any()
    }
}

#[component]
fn Sections() -> impl IntoView {
    let sections = SECTIONS.iter().map(|(name, make)| {
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
