//! The form that creates or edits a hook. One button saves; another sends a test with the unsaved
//! values.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{
    conflict::{ConflictPanel, DeletedPanel},
    nav::{HookNav, HookPlace},
    trial::TrialPanel,
};
use crate::{
    domain::{
        event::EventType,
        hook::TypedTuning,
        invalid::Invalid,
        permission::{Permission, Permissions},
    },
    rpc::{
        hooks::{Create, GenerateKey, TryOut, Update, editor, new_editor},
        session::read_frame,
    },
    ui::{
        pages::{param, query},
        widgets::{
            field::{Description, ErrorSummary, Field, TextField},
            form_token::FormToken,
            frame::{Frame, Place},
            loaded::loaded,
            switch::SwitchField,
        },
    },
    view::{
        Error,
        hooks::{HookEditor, KeyState},
        words::hooks::{key_kept, key_stored},
    },
};

#[component]
pub fn NewHookPage() -> impl IntoView {
    let read = new_editor(query("event"), query("clone"), query("draft"));
    view! { <Frame place=Place::Hooks>{loaded(permitted(read),
    |(editor, permissions)| view! { <Editor editor permissions/> })}</Frame> }
}

#[component]
pub fn EditHookPage() -> impl IntoView {
    let read = editor(param("id"), query("draft"));
    view! { <Frame place=Place::Hooks>{loaded(permitted(read),
    |(editor, permissions)| view! { <Editor editor permissions/> })}</Frame> }
}

async fn permitted(
    read: impl Future<Output = Result<HookEditor, Error>>,
) -> Result<(HookEditor, Permissions), Error> {
    Ok((read.await?, read_frame().await?.permissions))
}

#[component]
fn Editor(editor: HookEditor, permissions: Permissions) -> impl IntoView {
    let HookEditor {
        id,
        version,
        form,
        key,
        errors,
        warnings,
        trial,
        conflict,
        deleted,
        plan,
        draft,
    } = editor;
    let (heading, action, save) = match (&id, &deleted) {
        (None, None) => ("New hook", Create::url(), "Create hook"),
        (None, Some(_)) => ("New hook", Create::url(), "Create it again with these values"),
        (Some(_), _) => ("Edit hook", Update::url(), "Save changes"),
    };
    let title = if errors.is_empty() { heading.to_owned() } else { format!("Error: {heading}") };
    let back = id
        .as_ref()
        .map_or("/integration/hooks".to_owned(), |id| format!("/integration/hooks/{id}"));
    let has_stored_secret = id.is_some();
    view! {
        <Title text=title/>
        <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a></p>
        <h1>{heading}</h1>
        {id.clone().map(|id| view! { <HookNav id place=HookPlace::Settings permissions/> })}
        {conflict.map(|conflict| view! { <ConflictPanel conflict/> })}
        {deleted.map(|deleted| view! { <DeletedPanel deleted/> })}
        <ErrorSummary errors=errors.clone()/>
        {trial.map(|trial| view! { <TrialPanel trial has_stored_secret/> })}
        <form class="stack editor" method="post" action=action novalidate>
            <input type="hidden" name="id" value=id.unwrap_or_default()/>
            <input type="hidden" name="version" value=version.to_string()/>
            <input type="hidden" name="draft" value=draft.unwrap_or_default()/>
            <FormToken/>
            // Enter activates a form's first submit button, so that must be the one that saves.
            <button class="visually-hidden" type="submit" tabindex="-1"
                aria-hidden="true">{save}</button>
            <TextField name="name" label="Name" hint="A name you'll recognise, for example CRM \
                callbacks." value=form.name errors=errors.clone()/>
            <EventField chosen=form.event_type errors=errors.clone()/>
            <TextField name="callback_url" label="Callback URL" kind="url" code=true
                value=form.callback_url errors=errors.clone() warnings
                hint="We send a POST request here. It must be reachable from this server and use \
                      HTTPS, unless plain HTTP is allowed."/>
            <KeyField state=key errors=errors.clone()/>
            <TuningFields tuning=form.tuning plan errors/>
            <SwitchField name="enabled" label="Turned on" hint="Takes effect when you save."
                on=form.enabled/>
            <div class="buttons">
                <button class="primary" type="submit">{save}</button>
                {permissions.has(Permission::HooksTest).then(|| view! {
                    <button id="test" type="submit" formaction=TryOut::url() formnovalidate
                        aria-describedby="test-hint">"Send test"</button>
                })}
                <a class="button" href=back>"Cancel"</a>
            </div>
            {permissions.has(Permission::HooksTest).then(|| view! {
                <p class="hint" id="test-hint">"Sends a sample payload with the values above. This \
                    won't save your changes."</p>
            })}
        </form>
    }
}

#[component]
fn EventField(chosen: String, errors: Invalid) -> impl IntoView {
    let error = errors.message("event_type").map(str::to_owned);
    let described = Description::of("event_type", true, error.is_some());
    let is_open = EventType::from_key(&chosen).is_none();
    let options = EventType::ALL.iter().map(move |event| {
        let selected = chosen == event.key();
        view! { <option value=event.key() selected=selected>{event.name()}</option> }
    });
    view! {
        <Field name="event_type" label="Event"
            hint="The event that triggers this hook. One per hook." error=error>
            <select id="event_type" name="event_type" aria-describedby=described.described_by
                aria-invalid=described.invalid>
                {is_open.then(|| view! { <option value="">"Choose an event"</option> })}
                {options.collect_view()}
            </select>
        </Field>
    }
}

/// The delivery settings that can override the server default.
#[component]
fn TuningFields(tuning: TypedTuning, plan: String, errors: Invalid) -> impl IntoView {
    // Errors use the plain names of the fields, not the nested names of the form.
    let has_error = |name: &str| errors.message(name).is_some();
    let is_open = !tuning.is_empty() || tuning.fields().iter().any(|field| has_error(field.name));
    let inputs = tuning.fields().map(|field| {
        let path = format!("tuning[{}]", field.name);
        let (value, errors) = (field.value.to_owned(), errors.clone());
        view! { <TextField name=field.name path label=field.label code=true value errors
        hint=field.hint/> }
    });
    view! {
        <details class="tuning" open=is_open>
            <summary>"Delivery settings"</summary>
            <p class="hint">"Leave blank for the server default."</p>
            <p id="plan">{plan}</p>
            <div class="stack">{inputs.into_iter().collect_view()}</div>
        </details>
    }
}

/// The field never contains a stored or typed key. A key that was just generated is shown once.
#[component]
fn KeyField(state: KeyState, errors: Invalid) -> impl IntoView {
    let error = errors.message("api_key").map(str::to_owned);
    let (hint, value) = match state {
        KeyState::Missing => (
            "Sent with every request as x-api-key, so the receiver can verify the sender."
                .to_owned(),
            String::new(),
        ),
        KeyState::Stored(hint) => (key_stored(&hint), String::new()),
        KeyState::Kept(hint) => (key_kept(&hint), String::new()),
        KeyState::Generated(key) => {
            ("New key, shown only once. Copy it to the receiver, then save.".to_owned(), key)
        }
    };
    let described = Description::of("api_key", true, error.is_some());
    view! {
        <Field name="api_key" label="API key" hint error=error>
            <div class="with-button">
                <input id="api_key" name="api_key" type="text" class="mono" value=value
                    autocomplete="off" spellcheck="false"
                    aria-describedby=described.described_by aria-invalid=described.invalid/>
                <button type="submit" formaction=GenerateKey::url() formnovalidate>
                    "Generate"
                </button>
            </div>
        </Field>
    }
}
