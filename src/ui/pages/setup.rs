//! First-run set-up: creates the administrator account.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::query;
use crate::{
    rpc::setup::{SetUp, read_setup},
    ui::widgets::{
        field::{ErrorSummary, TextField},
        frame::{Mark, SignedOutFrame},
        loaded::loaded,
    },
    view::setup::SetupForm,
};

#[component]
pub fn SetupPage() -> impl IntoView {
    view! { <SignedOutFrame>{loaded(read_setup(query("token"), query("draft")),
    |form| view! { <Form form/> })}</SignedOutFrame> }
}

#[component]
fn Form(form: SetupForm) -> impl IntoView {
    let errors = form.errors;
    let title = if errors.is_empty() { "Set up" } else { "Error: Set up" };
    view! {
        <Title text=title/>
        <p class="brand"><Mark/>"Service Hooks"</p>
        <h1>"Create the administrator account"</h1>
        <p>"This link works once. The administrator has all permissions and can add other \
            users."</p>
        <ErrorSummary errors=errors.clone()/>
        <form class="stack" method="post" action=SetUp::url()>
            <input type="hidden" name="token" value=form.token/>
            <TextField name="name" label="Name" autocomplete="name" value=form.name
                errors=errors.clone()/>
            <TextField name="email" label="Email" kind="email" autocomplete="username"
                value=form.email errors=errors.clone()/>
            <TextField name="password" label="Password" kind="password" autocomplete="new-password"
                hint="At least 12 characters. Tip: use several unrelated words." errors=errors/>
            <div><button class="primary" type="submit">"Create account"</button></div>
        </form>
    }
}
