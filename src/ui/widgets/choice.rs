//! Choosing among options: radio buttons for one of a few, a drop-down list for one of many, check
//! boxes for any number.

use leptos::prelude::*;

use super::field::{Description, Field, FieldError};

/// Radio buttons under a legend. The first one's id is the field's name: the error summary links to
/// it.
#[component]
pub fn Choice(
    name: &'static str,
    legend: &'static str,
    options: Vec<(&'static str, &'static str)>,
    chosen: String,
    error: Option<String>,
) -> impl IntoView {
    let described = Description::of(name, false, error.is_some());
    let class = if error.is_some() { "field choice wrong" } else { "field choice" };
    let radios = options.into_iter().enumerate().map(|(place, (value, words))| {
        let id = if place == 0 { name.to_owned() } else { format!("{name}-{value}") };
        let checked = value == chosen;
        view! { <label><input type="radio" id=id name=name value=value
        checked=checked/>{words}</label> }
    });
    view! {
        <fieldset class=class aria-describedby=described.described_by>
            <legend>{legend}</legend>
            {error.map(|error| view! { <FieldError name error/> })}
            <div class="radios">{radios.collect_view()}</div>
        </fieldset>
    }
}

/// A drop-down list. A saved value that is not among the options is added to them, so that saving
/// the form does not silently change it.
#[component]
pub fn Select(
    name: &'static str,
    label: &'static str,
    options: Vec<String>,
    chosen: String,
    #[prop(into, optional)] hint: String,
    error: Option<String>,
) -> impl IntoView {
    let described = Description::of(name, !hint.is_empty(), error.is_some());
    let stray = (!options.contains(&chosen)).then(|| chosen.clone());
    let options = stray.into_iter().chain(options).map(move |option| {
        let selected = option == chosen;
        view! { <option selected=selected>{option}</option> }
    });
    view! {
        <Field name label hint error=error>
            <select id=name name=name aria-describedby=described.described_by
                aria-invalid=described.invalid>
                {options.collect_view()}
            </select>
        </Field>
    }
}

/// Check boxes under a legend. Each sends its value as `path[]`. The first one's id is the field's
/// name: the error summary links to it.
#[component]
pub fn Checks(
    name: &'static str,
    legend: &'static str,
    /// The control's `name`.
    path: &'static str,
    /// Value and words of each.
    options: Vec<(&'static str, String)>,
    chosen: Vec<String>,
    error: Option<String>,
) -> impl IntoView {
    let described = Description::of(name, false, error.is_some());
    let class = if error.is_some() { "field choice wrong" } else { "field choice" };
    let boxes = options.into_iter().enumerate().map(|(place, (value, words))| {
        let id = if place == 0 { name.to_owned() } else { format!("{name}-{place}") };
        let checked = chosen.iter().any(|chosen| chosen == value);
        view! { <label><input type="checkbox" id=id name=path value=value
        checked=checked/>{words}</label> }
    });
    view! {
        <fieldset class=class aria-describedby=described.described_by>
            <legend>{legend}</legend>
            {error.map(|error| view! { <FieldError name error/> })}
            <div class="checks">{boxes.collect_view()}</div>
        </fieldset>
    }
}
