//! Form fields: label, hint, control, and the error message beside the field and in the summary
//! above the form.

use leptos::prelude::*;

use crate::domain::invalid::Invalid;

/// All errors of a form, each with a link to its field. Takes the focus when the page opens.
#[component]
pub fn ErrorSummary(errors: Invalid) -> impl IntoView {
    (!errors.is_empty()).then(|| {
        let items = errors.0.into_iter().map(|error| {
            let href = format!("#{}", error.field);
            view! { <li><a href=href>{error.message}</a></li> }
        });
        view! {
            <div class="summary" role="alert" tabindex="-1" autofocus
                aria-labelledby="summary-title">
                <h2 id="summary-title">"There is a problem"</h2>
                <ul>{items.collect_view()}</ul>
            </div>
        }
    })
}

/// `aria-describedby` and `aria-invalid` of a control.
pub struct Description {
    pub described_by: Option<String>,
    pub invalid: Option<&'static str>,
}

impl Description {
    pub fn of(name: &str, has_hint: bool, has_error: bool) -> Self {
        let parts = [(has_hint, "hint"), (has_error, "error")];
        let ids: Vec<_> = parts
            .iter()
            .filter(|(there, _)| *there)
            .map(|(_, kind)| format!("{name}-{kind}"))
            .collect();
        Self {
            described_by: (!ids.is_empty()).then(|| ids.join(" ")),
            invalid: has_error.then_some("true"),
        }
    }

    fn with_warning(mut self, name: &str, has_warning: bool) -> Self {
        if has_warning {
            let others = self.described_by.map(|ids| format!("{ids} ")).unwrap_or_default();
            self.described_by = Some(format!("{others}{name}-warning"));
        }
        self
    }
}

/// The frame around a control: label, hint, error, and a warning about an accepted value.
#[component]
pub fn Field(
    name: &'static str,
    label: &'static str,
    #[prop(into, optional)] hint: String,
    error: Option<String>,
    #[prop(into, optional)] warning: String,
    children: Children,
) -> impl IntoView {
    let class = if error.is_some() { "field wrong" } else { "field" };
    view! {
        <div class=class>
            <label for=name>{label}</label>
            {(!hint.is_empty()).then(|| view! { <p class="hint"
                id=format!("{name}-hint")>{hint}</p> })}
            {error.map(|error| view! { <FieldError name error/> })}
            {(!warning.is_empty()).then(|| view! {
                <p class="warning" id=format!("{name}-warning")><b>"Warning: "</b>{warning}</p>
            })}
            {children()}
        </div>
    }
}

/// A field's error. A sign, drawn by CSS, and a word tell it from a warning.
#[component]
pub fn FieldError(name: &'static str, error: String) -> impl IntoView {
    view! { <p class="error" id=format!("{name}-error")>"Error: " {error}</p> }
}

/// A single-line text field. The control's `id` and `name` are the field's name.
#[component]
pub fn TextField(
    name: &'static str,
    label: &'static str,
    #[prop(into, optional)] value: String,
    #[prop(into, optional)] hint: String,
    #[prop(default = "text")] kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(default = false)] code: bool,
    /// The control's `name`, if it differs from the field's, for example `tuning[timeout]`.
    #[prop(into, optional)]
    path: String,
    errors: Invalid,
    #[prop(optional)] warnings: Invalid,
) -> impl IntoView {
    let error = errors.message(name).map(str::to_owned);
    let warning = warnings
        .0
        .iter()
        .filter(|warning| warning.field == name)
        .map(|warning| warning.message.as_str());
    let warning = warning.collect::<Vec<_>>().join(" ");
    let described = Description::of(name, !hint.is_empty(), error.is_some())
        .with_warning(name, !warning.is_empty());
    let class = if code { "mono" } else { "" };
    let sent_as = if path.is_empty() { name.to_owned() } else { path };
    let spellcheck = if code { "false" } else { "true" };
    view! {
        <Field name label hint error=error warning>
            <input id=name name=sent_as type=kind value=value class=class autocomplete=autocomplete
                spellcheck=spellcheck
                aria-describedby=described.described_by aria-invalid=described.invalid/>
        </Field>
    }
}
