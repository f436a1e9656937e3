//! The sections of the style guide for what forms are made of.

use leptos::prelude::*;

use crate::{
    domain::invalid::Invalid,
    ui::widgets::{
        choice::{Checks, Choice, Select},
        field::{ErrorSummary, TextField},
        switch::{HookSwitch, SwitchField},
        text_area::TextArea,
    },
};

pub fn switches() -> AnyView {
    view! {
        <HookSwitch id="none".to_owned() label="A hook that is on".to_owned() on=true/>
        <HookSwitch id="none".to_owned() label="A hook that is off".to_owned() on=false/>
        <SwitchField name="on" label="In a form, on" hint="Takes effect when you save." on=true/>
        <SwitchField name="off" label="In a form, off" hint="Takes effect when you save." on=false/>
    }
    .into_any()
}

pub fn fields() -> AnyView {
    view! {
        <TextField name="plain" label="Plain" errors=Invalid::default()/>
        <TextField name="filled" label="With a hint and a value"
            hint="At most 100 characters."
                value="Ticket archive" errors=Invalid::default()/>
        <TextField name="coded" label="Code" value="https://example.org/in?from=portal" code=true
            errors=Invalid::default()/>
        <TextField name="secret" label="Password" kind="password"
            autocomplete="off" errors=Invalid::default()/>
        <TextField name="warned" label="Accepted, with a warning" value="http://example.org/in"
            code=true errors=Invalid::default()
            warnings=Invalid::one("warned", "plain-http", "Plain HTTP: anyone on the network path \
                can read the key and the events.")/>
        <TextArea name="lines" label="Many lines" hint="JSON." rows=4
            value="{\n  \"queue\": \"</textarea> is text here\"\n}".to_owned() error=None/>
    }
    .into_any()
}

pub fn wrong_fields() -> AnyView {
    let mut errors = Invalid::one("wrong_name", "required", "Enter a name.");
    errors.add("wrong_url", "scheme", "Enter a URL that starts with https://.");
    view! {
        <ErrorSummary errors=errors.clone()/>
        <TextField name="wrong_name" label="Name" errors=errors.clone()/>
        <TextField name="wrong_url" label="Callback URL" hint="Where events are sent."
            value="ftp://example.org" code=true errors=errors/>
        <TextField name="both" label="Error and warning" value="http://example.org/in#x"
            code=true
            errors=Invalid::one("both", "fragment", "Remove the # and everything after it.")
            warnings=Invalid::one("both", "plain-http", "Plain HTTP: anyone on the network path \
                can read the key and the events.")/>
        <TextArea name="wrong_lines" label="Many lines with an error" rows=4 value="{".to_owned()
            error=Some("Line 1, column 1: it ends in the middle of an object.".to_owned())/>
    }
    .into_any()
}

pub fn choices() -> AnyView {
    let sizes = || vec![("small", "Small"), ("large", "Large")];
    let moods = || vec![("calm", "Calm"), ("brisk", "Brisk")];
    let toppings = vec![("salt", "Salt".to_owned()), ("sugar", "Sugar".to_owned())];
    let extras = vec![("mint", "Mint".to_owned()), ("clove", "Clove".to_owned())];
    let fruit = || ["Apple", "Pear", "Quince"].map(str::to_owned).to_vec();
    view! {
        <Choice name="size" legend="Size" options=sizes() chosen="large".to_owned() error=None/>
        <Choice name="mood" legend="Mood with an error" options=moods() chosen=String::new()
            error=Some("Choose one.".to_owned())/>
        <Select name="fruit" label="Fruit" options=fruit() chosen="Pear".to_owned()
            hint="One of many." error=None/>
        <Select name="wrong_fruit" label="Fruit with an error" options=fruit()
            chosen="Stone".to_owned() error=Some("Choose one from the list.".to_owned())/>
        <Checks name="topping" legend="Toppings" path="toppings[]" options=toppings
            chosen=vec!["salt".to_owned()] error=None/>
        <Checks name="extra" legend="Extras with an error" path="extras[]" options=extras
            chosen=Vec::new() error=Some("Choose at least one.".to_owned())/>
    }
    .into_any()
}
