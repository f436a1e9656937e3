//! The reader's own password and sessions.

use serde::{Deserialize, Serialize};

use super::{flash, session::visitor};
use crate::{
    domain::invalid::Invalid,
    portal::{
        auth::browser::KNOWN,
        ops::{self, account::OwnSession, drafts},
        request::{Request, redirect, request},
    },
    view::{
        Error,
        account::{Security, SessionRow},
        session::FlashKind,
        words::account as words,
    },
};

const PAGE: &str = "/account";

/// The rejected form. Passwords are never kept.
#[derive(Serialize, Deserialize)]
struct PasswordDraft {
    password_errors: Invalid,
}

/// What the account page shows of password and sessions.
pub(super) async fn security(request: &Request, draft: &str) -> Result<Security, Error> {
    let sessions =
        request.respond(ops::account::sessions(&request.ctx, &request.session).await)?;
    let draft: Option<PasswordDraft> =
        request.respond(drafts::find(&request.ctx, &request.session, draft).await)?;
    let row = |session: OwnSession| {
        let OwnSession { id, device, address, signed_in, last_used, is_current } = session;
        SessionRow { id, device, address, signed_in, last_used, is_current }
    };
    Ok(Security {
        sessions: sessions.into_iter().map(row).collect(),
        password_errors: draft.map(|draft| draft.password_errors).unwrap_or_default(),
    })
}

pub async fn change_password(current: &str, new: &str) -> Result<(), Error> {
    let request = request()?;
    let (ctx, session) = (&request.ctx, &request.session);
    match ops::account::change_password(ctx, session, visitor(&request), current, new).await {
        Ok(browser) => {
            request.keep_cookie(KNOWN, &browser);
            flash(&request, FlashKind::Done, words::PASSWORD_CHANGED).await;
            redirect(PAGE);
        }
        Err(ops::Error::Invalid(password_errors)) => {
            let kept = drafts::keep(ctx, session, &PasswordDraft { password_errors }).await;
            redirect(&format!("{PAGE}?draft={}", request.respond(kept)?));
        }
        Err(error) => return request.respond(Err(error)),
    }
    Ok(())
}

pub async fn end_session(id: &str) -> Result<(), Error> {
    let request = request()?;
    match ops::account::end_session(&request.ctx, id).await {
        // A session that has ended meanwhile needs no message of its own.
        Ok(()) | Err(ops::Error::NotFound(_)) => {
            flash(&request, FlashKind::Done, words::SESSION_ENDED).await;
        }
        Err(error) => return request.respond(Err(error)),
    }
    redirect(PAGE);
    Ok(())
}

pub async fn end_other_sessions() -> Result<(), Error> {
    let request = request()?;
    let ended = ops::account::end_other_sessions(&request.ctx, &request.session).await;
    let ended = request.respond(ended)?;
    flash(&request, FlashKind::Done, words::others_ended(ended)).await;
    redirect(PAGE);
    Ok(())
}
