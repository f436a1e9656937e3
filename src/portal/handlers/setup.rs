//! The set-up form behind the one-time link, which creates the first administrator.

use super::{encoded, flash, returned};
use crate::{
    domain::user::MAX_EMAIL,
    portal::{
        ops::{self, users::NewUser},
        request::{redirect, request},
    },
    view::{Error, session::FlashKind, setup::SetupForm, words::session::welcome},
};

pub async fn form(token: String, draft: &str) -> Result<SetupForm, Error> {
    let request = request()?;
    if !request.respond(ops::setup::is_open(&request.ctx, &token).await)? {
        return request.respond(Err(ops::Error::NotFound("set-up link")));
    }
    let form: Option<SetupForm> = returned::find(&request, draft);
    Ok(SetupForm { token, ..form.unwrap_or_default() })
}

/// The longest name that is kept for the form: together with the address it must fit a cookie.
const MAX_NAME: usize = 100;

/// Anybody may post this form, so only as much as its fields can hold is kept.
fn clipped(text: String) -> String {
    text.chars().take(MAX_EMAIL).collect()
}

pub async fn finish(
    token: String,
    name: String,
    email: String,
    password: String,
) -> Result<(), Error> {
    let request = request()?;
    let new = NewUser { name: name.clone(), email: email.clone(), password, ..NewUser::default() };
    match ops::setup::finish(&request.ctx, &request.session, &token, &request.agent(), new).await {
        Ok(user) => {
            flash(&request, FlashKind::Done, welcome(&user.name)).await;
            redirect("/integration/hooks");
        }
        Err(ops::Error::Invalid(errors)) => {
            let form = SetupForm {
                token: String::new(),
                name: name.chars().take(MAX_NAME).collect(),
                email: clipped(email),
                errors,
            };
            let draft = returned::keep(&request, form);
            redirect(&format!("/setup?token={}&draft={draft}", encoded(&token)));
        }
        Err(error) => return request.respond(Err(error)),
    }
    Ok(())
}
