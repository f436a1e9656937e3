//! The form behind the one-time link.

use super::{encoded, flash, returned};
use crate::{
    domain::user::MAX_EMAIL,
    portal::{
        ops::{self, users::NewUser},
        request::{go, request},
    },
    view::{Error, session::FlashKind, setup::SetupForm},
};

pub async fn form(token: String, draft: &str) -> Result<SetupForm, Error> {
    let request = request()?;
    if !request.tell(ops::setup::is_open(&request.ctx, &token).await)? {
        return request.tell(Err(ops::Error::NotFound("set-up link")));
    }
    let form: Option<SetupForm> = returned::find(&request, draft);
    Ok(SetupForm { token, ..form.unwrap_or_default() })
}

/// Longest name that comes back; with the address it still fits a cookie.
const MAX_NAME: usize = 100;

/// A form that anybody may post keeps no more than fits its fields.
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
    match ops::setup::finish(&request.ctx, &request.session, &token, new).await {
        Ok(user) => {
            flash(
                &request,
                FlashKind::Done,
                format!("Welcome, {}. Make your first hook.", user.name),
            )
            .await;
            go("/integration/hooks");
        }
        Err(ops::Error::Invalid(errors)) => {
            let form = SetupForm {
                token: String::new(),
                name: name.chars().take(MAX_NAME).collect(),
                email: clipped(email),
                errors,
            };
            let draft = returned::keep(&request, form);
            go(&format!("/setup?token={}&draft={draft}", encoded(&token)));
        }
        Err(error) => return request.tell(Err(error)),
    }
    Ok(())
}
