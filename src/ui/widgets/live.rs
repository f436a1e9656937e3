//! What the server tells by itself: how many rows are new, and how far a job is. Without scripts
//! there is a link to look again. A page that nobody sees does not listen: browsers keep few
//! connections to a server, and other tabs need them.

use std::time::Duration;

use leptos::{
    ev,
    prelude::*,
    wasm_bindgen::{JsCast, prelude::Closure},
    web_sys::{Document, Element},
};
use web_sys::{EventSource, MessageEvent, VisibilityState};

/// Calls `hear` with each message of a stream, for as long as the page is seen.
fn listen(from: String, hear: impl Fn(String) + Clone + 'static) {
    let source = StoredValue::new_local(None::<EventSource>);
    let turn = move || {
        source.update_value(|source| {
            if let Some(open) = source.take() {
                open.close();
            }
        });
        if document().visibility_state() == VisibilityState::Hidden {
            return;
        }
        let Ok(open) = EventSource::new(&from) else { return };
        let hear = hear.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            hear(event.data().as_string().unwrap_or_default());
        });
        open.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // As long as the page: there is one for each time that it is looked at again.
        on_message.forget();
        source.set_value(Some(open));
    };
    turn();
    let on_turn = Closure::<dyn Fn()>::new(turn);
    let page: Document = document();
    let _told =
        page.add_event_listener_with_callback("visibilitychange", on_turn.as_ref().unchecked_ref());
    on_turn.forget();
}

/// A bar that says how many deliveries are new, and leads to them. The rows stay where they are.
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

/// Keeps the page of a job true: its words and its bar; and where its state changes, the page is
/// loaded anew.
#[island]
pub fn JobWatch(from: String, state: String) -> impl IntoView {
    Effect::new(move |_| {
        let (state, is_submitted) = (state.clone(), StoredValue::new_local(false));
        let _for_the_pages_life =
            window_event_listener(ev::submit, move |_| is_submitted.set_value(true));
        listen(from.clone(), move |message| follow(&message, &state, is_submitted.get_value()));
    });
}

/// How long the answer to a submitted form may take before the page is loaded again without it.
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
            // The state changed because of the form, whose answer is on its way. To load the page
            // now would take the place of that answer, and of what it tells the reader.
            set_timeout(reload, ANSWER);
        } else {
            reload();
        }
        return;
    }
    if let Some(said) = document().get_element_by_id("job-words") {
        said.set_text_content(Some(words));
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
