//! The hidden field with which the server recognises a form: it is not carried out twice, and what
//! was typed is kept if the session has ended when it is posted.

use leptos::prelude::*;

use crate::view::session::FormToken as Sealed;

/// Belongs into every form that a user fills in or that starts something.
#[component]
pub fn FormToken() -> impl IntoView {
    let sealed = use_context::<Sealed>().unwrap_or_default().0;
    view! { <input type="hidden" name="form_token" value=sealed/> }
}
