//! Live updates over server-sent events: the number of new rows and a job's progress. Without
//! scripts there is a link that reloads. A hidden page closes its stream: browsers allow few
//! connections per server, and other tabs need them.

use std::time::Duration;

use leptos::{
    ev,
    prelude::*,
    wasm_bindgen::{JsCast, prelude::Closure},
    web_sys::{Document, Element},
};
use web_sys::{EventSource, MessageEvent, VisibilityState};

/// Calls `on_text` with each message of a stream while the page is visible.
fn listen(from: String, on_text: impl Fn(String) + Clone + 'static) {
    let source = StoredValue::new_local(None::<EventSource>);
    let reconnect = move || {
        source.update_value(|source| {
            if let Some(open) = source.take() {
                open.close();
            }
        });
        if document().visibility_state() == VisibilityState::Hidden {
            return;
        }
        let Ok(open) = EventSource::new(&from) else { return };
        let on_text = on_text.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            on_text(event.data().as_string().unwrap_or_default());
        });
        open.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // Leaked on purpose: it lives as long as the page, one for each time it becomes visible.
        on_message.forget();
        source.set_value(Some(open));
    };
    reconnect();
    let on_visibility = Closure::<dyn Fn()>::new(reconnect);
    let page: Document = document();
    let _added = page.add_event_listener_with_callback(
        "visibilitychange",
        on_visibility.as_ref().unchecked_ref(),
    );
    on_visibility.forget();
}

/// A bar with the number of new deliveries and a link to them. The rows below do not move.
#[island]
pub fn News(from: String, newest: String) -> impl IntoView {
    let count = RwSignal::new(String::new());
    Effect::new(move |_| listen(from.clone(), move |message| count.set(message)));
    view! {
        <div class="news" role="status">
            {move || {
                let newest = newest.clone();
                let count = count.get();
                (!count.is_empty() && count != "0").then(|| {
                    let words = if count == "1" { " new delivery – " } else { " new deliveries \
                        – " };
                    view! { <p class="panel">{count} {words} <a href=newest>"Show"</a></p> }
                })
            }}
        </div>
    }
}

/// Updates the progress text and bar of a job's page, and reloads the page when the job's state
/// changes.
#[island]
pub fn JobWatch(from: String, state: String) -> impl IntoView {
    Effect::new(move |_| {
        let (state, is_submitted) = (state.clone(), StoredValue::new_local(false));
        let _for_the_pages_life =
            window_event_listener(ev::submit, move |_| is_submitted.set_value(true));
        listen(from.clone(), move |message| follow(&message, &state, is_submitted.get_value()));
    });
}

/// How long to wait for the response to a submitted form before the page is reloaded.
const ANSWER: Duration = Duration::from_secs(10);

/// A message is `state|behind|all|words`.
fn follow(message: &str, state: &str, is_submitted: bool) {
    let mut parts = message.splitn(4, '|');
    let (now, behind, all, words) = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(now), Some(behind), Some(all), Some(words)) = (now, behind, all, words) else {
        return;
    };
    if now != state {
        let reload = || drop(window().location().reload());
        if is_submitted {
            // The submitted form changed the state and its response is on its way. A reload now
            // would replace that response and the notice in it.
            set_timeout(reload, ANSWER);
        } else {
            reload();
        }
        return;
    }
    if let Some(progress) = document().get_element_by_id("job-words") {
        progress.set_text_content(Some(words));
    }
    let Some(bar) = document().get_element_by_id("job-bar") else { return };
    let set = |element: &Element, name: &str, value: &str| drop(element.set_attribute(name, value));
    set(&bar, "aria-valuenow", behind);
    set(&bar, "aria-valuemax", all);
    set(&bar, "aria-valuetext", &format!("{behind} of {all}"));
    let (Ok(done), Ok(whole)) = (behind.parse::<i64>(), all.parse::<i64>()) else { return };
    if let Ok(Some(rect)) = bar.query_selector("rect") {
        set(&rect, "width", &(done * 1000 / whole.max(1)).to_string());
    }
}
