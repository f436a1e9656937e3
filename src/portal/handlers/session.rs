//! The frame of every page, signing in and out.

use super::{banner::banner, encoded, returned};
use crate::{
    domain::user::MAX_EMAIL,
    portal::{
        auth::{browser::KNOWN, session::FLASH},
        ops::{self, session::Visitor},
        request::{Request, local, redirect, remember_theme, request},
    },
    view::{
        Error,
        session::{Flash, Frame, SignInForm},
    },
};

pub async fn frame() -> Result<Frame, Error> {
    let request = request()?;
    let Some(user) = &request.ctx.user else { return Ok(Frame::default()) };
    Ok(Frame {
        name: user.name.clone(),
        email: user.email.clone(),
        permissions: user.permissions(),
        theme: user.preferences.theme,
        // A page is shown without the number rather than not at all.
        undelivered: ops::log::count_undelivered(&request.ctx).await.unwrap_or_default(),
        banner: banner(&request.ctx),
    })
}

/// Removing it also renews the session: showing a page is use, a refresh in the background is not.
pub async fn take_flash() -> Result<Option<Flash>, Error> {
    let request = request()?;
    if request.is_refresh {
        return Ok(None);
    }
    // A session that cannot be read has no flash message.
    Ok(request.session.remove::<Flash>(FLASH).await.unwrap_or_default())
}

pub async fn sign_in_form(draft: &str) -> Result<SignInForm, Error> {
    let request = request()?;
    Ok(returned::find(&request, draft).unwrap_or_default())
}

pub async fn sign_in(email: String, password: String, next: String) -> Result<(), Error> {
    let request = request()?;
    let visitor = visitor(&request);
    match ops::session::sign_in(&request.ctx, &request.session, visitor, &email, &password).await {
        Ok((user, browser)) => {
            request.keep_cookie(KNOWN, &browser);
            remember_theme(user.preferences.theme, &request);
            redirect(local(&next));
        }
        Err(ops::Error::Invalid(errors)) => {
            let draft = returned::keep(&request, SignInForm { email: clipped(&email), errors });
            redirect(&format!("/sign-in?draft={draft}&next={}", encoded(local(&next))));
        }
        Err(error) => return request.respond(Err(error)),
    }
    Ok(())
}

/// Who sent the request, for the rate limits of passwords and the list of sessions.
pub(super) fn visitor(request: &Request) -> Visitor {
    let browser = request.cookie(KNOWN).unwrap_or_default();
    Visitor { client: request.ctx.client, agent: request.agent(), browser }
}

/// The entered address, cut to the longest valid length.
fn clipped(email: &str) -> String {
    email.chars().take(MAX_EMAIL).collect()
}

pub async fn sign_out() -> Result<(), Error> {
    let request = request()?;
    request.respond(ops::session::sign_out(&request.ctx, &request.session).await)?;
    redirect("/sign-in");
    Ok(())
}
