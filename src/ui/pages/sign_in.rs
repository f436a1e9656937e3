//! The sign-in form.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::query;
use crate::{
    rpc::session::{SignIn, read_sign_in},
    ui::widgets::{
        field::{ErrorSummary, TextField},
        frame::{Mark, Notice, SignedOutFrame},
        loaded::loaded,
    },
    view::{
        session::{FlashKind, SignInForm},
        words::session::signed_out,
    },
};

#[component]
pub fn SignInPage() -> impl IntoView {
    let (next, ended) = (query("next"), query("ended"));
    view! { <SignedOutFrame>{loaded(read_sign_in(query("draft")),
    move |form| view! { <Form form next ended/> })}</SignedOutFrame> }
}

#[component]
fn Form(form: SignInForm, next: String, ended: String) -> impl IntoView {
    let errors = form.errors;
    let title = if errors.is_empty() { "Sign in" } else { "Error: Sign in" };
    view! {
        <Title text=title/>
        <p class="brand"><Mark/>"Service Hooks"</p>
        <h1>"Sign in"</h1>
        {(!ended.is_empty()).then(|| view! { <Notice kind=FlashKind::Warning
            text=signed_out(ended == "kept")/> })}
        <ErrorSummary errors=errors.clone()/>
        <form class="stack" method="post" action=SignIn::url()>
            <input type="hidden" name="next" value=next/>
            <TextField name="email" label="Email" kind="email" autocomplete="username"
                value=form.email errors=errors.clone()/>
            <TextField name="password" label="Password" kind="password"
                autocomplete="current-password" errors=errors/>
            <div><button class="primary" type="submit">"Sign in"</button></div>
        </form>
    }
}
