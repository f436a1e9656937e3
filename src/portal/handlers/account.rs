//! The reader's own password, sessions and API tokens.

use serde::{Deserialize, Serialize};

use super::{flash, session::visitor};
use crate::{
    domain::{invalid::Invalid, permission::Permission},
    portal::{
        auth::browser::KNOWN,
        ops::{
            self,
            account::OwnSession,
            drafts,
            tokens::{OwnToken, Token},
        },
        request::{Request, redirect, request},
    },
    view::{
        Error,
        account::{NewToken, Security, SessionRow, TokenForm, TokenRow},
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

/// What the account page shows beside preferences and profile.
pub(super) async fn security(
    request: &Request,
    draft: &str,
    secrets: &str,
) -> Result<Security, Error> {
    let sessions = request.respond(ops::account::sessions(&request.ctx, &request.session).await)?;
    let (ctx, session) = (&request.ctx, &request.session);
    let password: Option<PasswordDraft> =
        request.respond(drafts::find(ctx, session, draft).await)?;
    let token_form: Option<TokenForm> = request.respond(drafts::find(ctx, session, draft).await)?;
    let tokens = request.respond(ops::tokens::list_own(ctx).await)?;
    // A refresh takes over only the parts that change, and a new token's secret is in none of them.
    // The secret is taken last: an error before would lose it.
    let new_token = match request.is_refresh {
        true => None,
        false => request.respond(drafts::take(ctx, session, secrets).await)?,
    };
    let row = |session: OwnSession| {
        let OwnSession { id, device, address, signed_in, last_used, is_current } = session;
        SessionRow { id, device, address, signed_in, last_used, is_current }
    };
    Ok(Security {
        sessions: sessions.into_iter().map(row).collect(),
        password_errors: password.map(|draft| draft.password_errors).unwrap_or_default(),
        tokens: tokens.into_iter().map(token_row).collect(),
        token_form: token_form.unwrap_or_default(),
        new_token,
    })
}

fn token_row(token: Token) -> TokenRow {
    let Token { id, name, prefix, permissions, expires_at, last_used_at, .. } = token;
    TokenRow { id: id.to_string(), name, prefix, permissions, expires_at, last_used_at }
}

pub async fn create_token(
    token_name: String,
    chosen: Vec<String>,
    days: String,
    form_token: &str,
) -> Result<(), Error> {
    let request = request()?;
    let (ctx, session) = (&request.ctx, &request.session);
    let wanted =
        OwnToken { name: token_name.clone(), permissions: chosen.clone(), days: days.clone() };
    let shown = |token: Token, secret| NewToken { new_token_name: token.name, secret };
    let nonce = request.form_nonce(form_token);
    match ops::tokens::create_own_once(ctx, session, nonce, wanted, shown).await {
        Ok(draft) => redirect(&format!("{PAGE}?secrets={draft}#new-token")),
        Err(ops::Error::Invalid(token_errors)) => {
            let form = TokenForm {
                token_name: token_name.chars().take(MOST_KEPT).collect(),
                chosen: chosen
                    .into_iter()
                    .filter(|key| Permission::from_key(key).is_some())
                    .collect(),
                days: days.chars().take(MOST_KEPT).collect(),
                token_errors: on_form(token_errors),
            };
            let kept = drafts::keep(ctx, session, &form).await;
            redirect(&format!("{PAGE}?draft={}", request.respond(kept)?));
        }
        Err(error) => return request.respond(Err(error)),
    }
    Ok(())
}

/// Longer input is cut before it is kept.
const MOST_KEPT: usize = 200;

/// The page has other fields, so the name's is called `token_name`.
fn on_form(mut errors: Invalid) -> Invalid {
    for error in errors.0.iter_mut().filter(|error| error.field == "name") {
        "token_name".clone_into(&mut error.field);
    }
    errors
}

pub async fn revoke_token(id: &str) -> Result<(), Error> {
    let request = request()?;
    let revoked = match id.parse() {
        Ok(id) => ops::tokens::revoke_own(&request.ctx, id).await,
        Err(_) => Err(ops::Error::NotFound("token")),
    };
    request.respond(revoked)?;
    flash(&request, FlashKind::Done, words::TOKEN_REVOKED).await;
    redirect(PAGE);
    Ok(())
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
