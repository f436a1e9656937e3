//! The account page of the signed-in user: preferences, profile, permissions, password,
//! sessions, API tokens.

mod password;
mod sessions;
mod tokens;

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use self::{
    password::Password,
    sessions::Sessions,
    tokens::{CreatedToken, Tokens},
};
use super::query;
use crate::{
    domain::{invalid::Invalid, preferences::Theme},
    rpc::preferences::{Save, read},
    ui::widgets::{
        choice::{Choice, Select},
        datetime::ExactDateTime,
        definition::Fact,
        field::ErrorSummary,
        form_token::FormToken,
        frame::{Frame, Place},
        loaded::loaded,
    },
    view::{
        account::Security,
        preferences::{Account, PreferencesForm},
        words::hooks::sentence_case,
    },
};

#[component]
pub fn AccountPage() -> impl IntoView {
    view! { <Frame place=Place::Account>{loaded(read(query("draft"), query("secrets")),
    |data| view! { <Content data/> })}</Frame> }
}

#[component]
fn Content(data: Account) -> impl IntoView {
    let Account { user, form, zones, now, security } = data;
    let Security { sessions, password_errors, tokens, token_form, new_token } = security;
    let mut errors = form.errors.clone();
    errors.0.extend(password_errors.0.iter().cloned());
    errors.0.extend(token_form.token_errors.0.iter().cloned());
    let permissions = user.permissions();
    let title = if errors.is_empty() { "Your account" } else { "Error: Your account" };
    let email = user.email.clone();
    let roles = user.roles.iter().map(|role| role.key()).collect::<Vec<_>>().join(", ");
    let rights: Vec<_> = user
        .permissions()
        .iter()
        .map(|right| view! { <li>{sentence_case(right.words())}</li> })
        .collect();
    view! {
        <Title text=title/>
        <h1>"Your account"</h1>
        <ErrorSummary errors/>
        {new_token.map(|token| view! { <CreatedToken token/> })}
        <div class="columns">
            <div class="column">
                <section class="card" aria-labelledby="preferences-title">
                    <h2 id="preferences-title">"Preferences"</h2>
                    <Preferences form zones/>
                </section>
                <Password email errors=password_errors/>
            </div>
            <section class="card facts" aria-labelledby="profile-title">
                <h2 id="profile-title">"Profile"</h2>
                <dl>
                    <Fact term="Name">{user.name.clone()}</Fact>
                    <Fact term="Email">{user.email.clone()}</Fact>
                    <Fact term="Role">{roles}</Fact>
                    <Fact term="Created"><ExactDateTime at=user.created_at/></Fact>
                    <Fact term="Your local time"><ExactDateTime at=now/></Fact>
                </dl>
                <h3>"Permissions"</h3>
                {if rights.is_empty() {
                    view! { <p>"No permissions yet. Ask an administrator for a role."</p> }
                        .into_any()
                } else {
                    view! { <ul class="rights">{rights}</ul> }.into_any()
                }}
            </section>
        </div>
        <Sessions rows=sessions now/>
        <Tokens rows=tokens form=token_form permissions now/>
    }
}

#[component]
fn Preferences(form: PreferencesForm, zones: Vec<String>) -> impl IntoView {
    let PreferencesForm { theme, time_zone, hours, errors } = form;
    let chosen_zone = time_zone.clone();
    let themes = Theme::ALL.iter().map(|theme| (theme.key(), theme.word())).collect();
    let error = |name: &str, errors: &Invalid| errors.message(name).map(str::to_owned);
    view! {
        <form class="stack" method="post" action=Save::url()>
            <FormToken/>
            <Choice name="theme" legend="Theme" options=themes chosen=theme error=error("theme",
                &errors)/>
            <Select name="time_zone" label="Time zone" options=zones chosen=time_zone
                error=error("time_zone", &errors)
                hint="Applies to every time you see or enter."/>
            <Choice name="hours" legend="Time format" options=vec![("24", "24-hour, 14:03"), ("12",
                "12-hour, 2:03 pm")] chosen=hours
                error=error("hours", &errors)/>
            <div><button class="primary" type="submit">"Save preferences"</button></div>
            // `boot.js` puts a button here that selects the browser's own time zone, if it differs.
            <div data-zone=chosen_zone></div>
        </form>
    }
}
