//! Forms that were posted after their user's session had ended. They are sealed and kept for half
//! an hour for that user, in that browser; after signing in, the form is shown again. Keeping one
//! needs the form's own token, which only a signed-in user gets.

use serde::{Deserialize, Serialize};

use super::{Error, drafts::place};
use crate::{
    domain::{
        busy::Busy,
        id::{DraftId, UserId},
    },
    engine::store,
    portal::{
        auth::{kept::KEPT, token},
        ctx::{OpCtx, Portal},
        store::drafts::{self, Draft},
    },
};

/// A posted form, not parsed yet.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// The user to whom the form was shown.
    pub owner: UserId,
    /// Module and name of the server function, such as `hooks/create`.
    pub function: String,
    /// The form as the browser encoded it.
    pub body: String,
}

/// Keeps a form. Returns its id, and the secret for the browser's cookie.
pub async fn keep(portal: &Portal, form: &Kept) -> Result<(DraftId, String), Error> {
    let (clock, secret) = (portal.clock(), token::new_nonce());
    let (id, now) = (DraftId(clock.id()), clock.now());
    // Ids and text: serialising them cannot fail.
    let text = serde_json::to_vec(form).unwrap_or_default();
    let sealed = portal.store().vault.seal(place(&id), &text);
    let draft = Draft {
        id,
        user: form.owner,
        session_hash: token::hash(&secret),
        sealed,
        expires_at: now.after(KEPT.lives),
    };
    let kept: Result<bool, store::Error> = portal
        .store()
        .write(move |conn| Box::pin(async move { drafts::insert(conn, &draft, now).await }))
        .await;
    if kept? {
        Ok((id, secret))
    } else {
        Err(Error::Busy { reason: Busy::Drafts, seconds: KEPT.lives.as_secs() })
    }
}

/// A form that was kept by this browser. The caller checks that it belongs to its user.
pub async fn find(ctx: &OpCtx, id: DraftId, secret: &str) -> Result<Option<Kept>, Error> {
    let (store, now) = (ctx.portal.store(), ctx.portal.clock().now());
    let found = drafts::find(&mut store.read().await?, id, &token::hash(secret), now).await?;
    let Some(sealed) = found else { return Ok(None) };
    let text = store.vault.open(place(&id), &sealed)?;
    Ok(serde_json::from_slice(&text).ok())
}
