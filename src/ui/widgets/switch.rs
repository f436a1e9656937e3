//! The slider. On: white knob on a blue ground. Off: black knob on a white ground.
//!
//! In lists and headers it saves at once: a form with one button, which works without scripts; with
//! scripts the island posts the same form by itself and moves the knob when the server has
//! answered, not before. In a form it is a field that the form's own button saves.

use leptos::{ev::SubmitEvent, prelude::*, server_fn::ServerFn, task::spawn_local};

use crate::rpc::hooks::{SetEnabled, set_enabled};

/// A slider that saves at once. `label` names what is switched and never changes with its state.
#[island]
pub fn HookSwitch(id: String, label: String, on: bool) -> impl IntoView {
    let is_on = RwSignal::new(on);
    let is_busy = RwSignal::new(false);
    let said = RwSignal::new(String::new());
    // That it worked is seen by the knob and only has to be said; that it did not has to be read.
    let has_failed = RwSignal::new(false);
    let (hook, name) = (id.clone(), label.clone());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        let (hook, name) = (hook.clone(), name.clone());
        let wanted = !is_on.get_untracked();
        spawn_local(async move {
            match set_enabled(hook, wanted.to_string()).await {
                Ok(now) => {
                    is_on.set(now);
                    has_failed.set(false);
                    said.set("Saved".to_owned());
                }
                Err(error) => {
                    has_failed.set(true);
                    said.set(format!("{name} was not switched. {error}"));
                }
            }
            is_busy.set(false);
        });
    };
    view! {
        <form class="switch-form" method="post" action=SetEnabled::url() on:submit=submit>
            <input type="hidden" name="id" value=id/>
            <input type="hidden" name="enabled" value=move || (!is_on.get()).to_string()/>
            <button class="switch" type="submit" role="switch" aria-label=label
                aria-checked=move || is_on.get().to_string()
                    aria-busy=move || is_busy.get().to_string()>
                <span class="knob" aria-hidden="true"></span>
            </button>
            <span class="switch-word"
                aria-hidden="true">{move || if is_on.get() { "On" } else { "Off" }}</span>
            <span class=move || if has_failed.get() { "switch-said" } else { "visually-hidden" }
                role="status">{move || said.get()}</span>
        </form>
    }
}

/// A slider inside a form: takes effect when the form is saved.
#[component]
pub fn SwitchField(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    on: bool,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    view! {
        <div class="field switch-field">
            <label class="switch-label" for=name>{label}</label>
            <p class="hint" id=hint_id.clone()>{hint}</p>
            <input class="switch" type="checkbox" role="switch" id=name name=name value="true"
                checked=on aria-describedby=hint_id/>
        </div>
    }
}
