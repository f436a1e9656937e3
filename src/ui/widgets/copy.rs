//! A button that copies the text of another element. Copying needs a script, so only a script shows
//! the button; without scripts the reader selects the text.

use leptos::prelude::*;

/// `from` is the id of the element to copy; `label` is the button's text.
#[island]
pub fn CopyButton(from: String, label: String) -> impl IntoView {
    let is_able = RwSignal::new(false);
    let message = RwSignal::new("");
    // Browsers allow the clipboard only in a secure context: HTTPS or localhost.
    Effect::new(move |_| is_able.set(window().is_secure_context()));
    let copy = move |_| {
        let text = document().get_element_by_id(&from).and_then(|element| element.text_content());
        // The result is not awaited: a browser that refuses tells the user itself.
        let _promise = window().navigator().clipboard().write_text(&text.unwrap_or_default());
        message.set("Copied");
        set_timeout(move || message.set(""), std::time::Duration::from_secs(2));
    };
    view! {
        <span class="copy">
            {move || is_able.get().then(|| {
                let copy = copy.clone();
                let label = label.clone();
                view! { <button type="button" on:click=copy>{label}</button> }
            })}
            <span role="status">{move || message.get()}</span>
        </span>
    }
}
