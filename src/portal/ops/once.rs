//! Actions of forms that must happen once, however often their button is pressed. The first
//! request claims a key made of the user, the action and what tells one form from another; a
//! second one waits for the first and gets what that one created.

use std::{fmt::Display, future::Future, time::Duration};

use sha2::{Digest, Sha256};

use super::Error;
use crate::{
    domain::busy::Busy,
    engine::store::{
        self,
        once::{self, Claim, KeyedRequest, Once},
    },
    portal::ctx::OpCtx,
};

/// How long a request holds its key if its process dies. It takes less than this plus the timeout
/// of a test's receiver.
const LEASE: Duration = Duration::from_secs(60);
/// How often, and for how long in total, a second request looks for the result of the first.
const POLL: Duration = Duration::from_millis(100);
const POLLS: u32 = 300;

/// What became of an action.
pub enum Outcome<T> {
    /// This request carried it out.
    Now(T),
    /// An earlier request did, and created what has this id.
    Before(String),
}

/// An action of one form.
#[derive(Clone)]
pub struct Action(KeyedRequest);

impl Action {
    /// `kind` is the action; `form` is equal exactly if it is the same form again.
    pub fn new(ctx: &OpCtx, kind: &str, form: &[u8]) -> Self {
        let actor = ctx.actor.as_ref().map(|actor| actor.identity.as_str()).unwrap_or_default();
        // NUL separates the parts: only the last one may contain it. The API's keys never have
        // `form` as their second part.
        let parts = [actor.as_bytes(), b"form", kind.as_bytes(), form].join(&0);
        Self(KeyedRequest { key_hash: Sha256::digest(parts).to_vec(), body_hash: Vec::new() })
    }
}

/// Carries out an action, unless it was carried out before. `act` gets a context with the key, and
/// records what it creates under it. The caller has checked the permission.
///
/// It runs in a task of its own: a browser whose user presses the button again drops the first
/// request, which must neither be cut off nor leave its key held.
pub async fn act<T, F>(
    ctx: &OpCtx,
    action: &Action,
    act: impl FnOnce(OpCtx) -> F + Send + 'static,
) -> Result<Outcome<T>, Error>
where
    T: Identified + Send + 'static,
    F: Future<Output = Result<T, Error>> + Send,
{
    let (ctx, action) = (ctx.clone(), action.clone());
    let task = tokio::spawn(async move {
        let once = match wait(&ctx, &action).await? {
            Turn::Mine(once) => once,
            Turn::Before(id) => return Ok(Outcome::Before(id)),
        };
        let done = act(OpCtx { once: Some(once.clone()), ..ctx.clone() }).await;
        finish(&ctx, once, done.as_ref().ok().map(|done| done.id().to_string())).await;
        done.map(Outcome::Now)
    });
    task.await.unwrap_or(Err(Error::Store(store::Error::Closed)))
}

/// Something that an action creates.
pub trait Identified {
    fn id(&self) -> impl Display;
}

enum Turn {
    Mine(Once),
    Before(String),
}

async fn wait(ctx: &OpCtx, action: &Action) -> Result<Turn, Error> {
    for _ in 0..POLLS {
        match claim(ctx, action).await? {
            Claim::Acquired(once) => return Ok(Turn::Mine(once)),
            Claim::Completed(id) => {
                return Ok(Turn::Before(String::from_utf8_lossy(&id).into_owned()));
            }
            // An address of the API: it ends with the id.
            Claim::Created(address) => {
                let id = address.rsplit('/').next().unwrap_or_default();
                return Ok(Turn::Before(id.to_owned()));
            }
            Claim::InProgress | Claim::BodyMismatch => tokio::time::sleep(POLL).await,
        }
    }
    Err(Error::Busy { reason: Busy::Server, seconds: LEASE.as_secs() })
}

async fn claim(ctx: &OpCtx, action: &Action) -> Result<Claim, Error> {
    let (clock, vault) = (ctx.portal.clock().clone(), ctx.portal.store().vault.clone());
    let (request, lease) = (action.0.clone(), LEASE + ctx.portal.settings.delivery.timeout);
    let claimed: Result<Claim, store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move { once::claim(conn, &clock, &vault, &request, lease).await })
        })
        .await;
    Ok(claimed?)
}

/// Stores the result, or releases the key.
async fn finish(ctx: &OpCtx, once: Once, created: Option<String>) {
    let vault = ctx.portal.store().vault.clone();
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                match created {
                    Some(id) => once.store_answer(conn, &vault, id.as_bytes()).await,
                    None => once.release(conn).await,
                }
            })
        })
        .await;
    if let Err(error) = written {
        // What was created is recorded all the same: the next request finds it after the lease.
        tracing::warn!(%error, "failed to store the result of a form");
    }
}

/// Forgets that an action was carried out: what it created no longer counts. Only one of two
/// requests succeeds, so only one of them carries the action out again.
pub async fn forget(ctx: &OpCtx, action: &Action, created: &str) -> Result<(), Error> {
    let (key_hash, created) = (action.0.key_hash.clone(), created.to_owned());
    let forgotten: Result<(), store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move { once::forget(conn, &key_hash, &created).await })
        })
        .await;
    Ok(forgotten?)
}
