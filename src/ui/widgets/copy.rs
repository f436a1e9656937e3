//! A button that copies what stands elsewhere on the page. Only a script can do that, so only a
//! script puts it there: the text beside it can be selected by whoever has none.

use leptos::prelude::*;

/// `from` is the id of what is copied, `label` what the button is called.
#[island]
pub fn CopyButton(from: String, label: String) -> impl IntoView {
    let is_able = RwSignal::new(false);
    let said = RwSignal::new("");
    // Over plain http browsers let nobody copy, except from this machine.
    Effect::new(move |_| is_able.set(window().is_secure_context()));
    let copy = move |_| {
        let text = document().get_element_by_id(&from).and_then(|element| element.text_content());
        // It is kept in the clipboard or it is not: a browser that refuses says so in its own way.
        let _promise = window().navigator().clipboard().write_text(&text.unwrap_or_default());
        said.set("Copied");
        set_timeout(move || said.set(""), std::time::Duration::from_secs(2));
    };
    view! {
        <span class="copy">
            {move || is_able.get().then(|| {
                let copy = copy.clone();
                let label = label.clone();
                view! { <button type="button" on:click=copy>{label}</button> }
            })}
            <span role="status">{move || said.get()}</span>
        </span>
    }
}
