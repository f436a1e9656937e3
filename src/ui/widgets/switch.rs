//! The on/off switch. On: white knob on blue. Off: black knob on white.
//!
//! In lists and headers it saves immediately: a form with one button, which works without scripts.
//! With scripts, the island posts the same form and moves the knob only after the server has
//! answered. Inside a form it is a field that the form's own button saves.

use leptos::{ev::SubmitEvent, prelude::*, server_fn::ServerFn, task::spawn_local, web_sys::Event};

use crate::rpc::hooks::{SetEnabled, set_enabled};

/// A switch that saves immediately. `label` names what it switches and does not change with the
/// state. CSS writes the word beside it, *On* or *Off*: a list has fifty switches.
#[island]
pub fn HookSwitch(id: String, label: String, on: bool) -> impl IntoView {
    let is_on = RwSignal::new(on);
    let is_busy = RwSignal::new(false);
    let message = RwSignal::new(String::new());
    // Success is visible at the knob, so only screen readers get its message; a failure is shown.
    let has_failed = RwSignal::new(false);
    let hook = id.clone();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        let hook = hook.clone();
        let wanted = !is_on.get_untracked();
        spawn_local(async move {
            match set_enabled(hook, wanted.to_string()).await {
                Ok(now) => {
                    is_on.set(now);
                    has_failed.set(false);
                    message.set("Saved".to_owned());
                }
                Err(error) => {
                    has_failed.set(true);
                    message.set(format!("Not saved. {error}"));
                }
            }
            is_busy.set(false);
        });
    };
    // From `browser/live.js`, when the hook was switched elsewhere.
    let follow = move |now: bool| {
        if !is_busy.get_untracked() {
            is_on.set(now);
            has_failed.set(false);
            message.set(String::new());
        }
    };
    view! {
        <form class="switch-form" method="post" action=SetEnabled::url() on:submit=submit>
            <input type="hidden" name="id" value=id/>
            <button class="switch" type="submit" role="switch" aria-label=label name="enabled"
                value=move || (!is_on.get()).to_string()
                on:liveon=move |_: Event| follow(true)
                on:liveoff=move |_: Event| follow(false)
                aria-checked=move || is_on.get().to_string()
                    aria-busy=move || is_busy.get().to_string()>
                <span class="knob" aria-hidden="true"></span>
            </button>
            <span class=move || if has_failed.get() { "switch-said" } else { "visually-hidden" }
                role="status">{move || message.get()}</span>
        </form>
    }
}

/// A switch inside a form. It takes effect when the form is saved.
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
