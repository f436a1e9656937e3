//! Saved views of the list of deliveries. Users see and change only their own; showing the list
//! checks its permission.

use super::{Error, preferences::signed_in_user};
use crate::{
    domain::{id::ViewId, invalid::Invalid, log::LogQuery, permission::right},
    engine::store::{self},
    portal::{
        ctx::OpCtx,
        store::views::{self, MAX_PER_USER, View},
    },
};

/// Longest name in characters, and longest query string in bytes.
const LONGEST_NAME: usize = 60;
const LONGEST_QUERY: usize = 2000;

/// The user's views. API clients have none.
pub async fn list(ctx: &OpCtx) -> Result<Vec<View>, Error> {
    let Some(user) = &ctx.user else { return Ok(Vec::new()) };
    Ok(views::of_user(&mut ctx.portal.store().read().await?, user.id).await?)
}

/// Saves the filters of a query string under a name. A view with the same name is replaced.
pub async fn save(ctx: &OpCtx, name: &str, query: &str) -> Result<View, Error> {
    ctx.require(right::DeliveriesRead)?;
    let user = signed_in_user(ctx)?.id;
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_readable = !name.chars().any(char::is_control);
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !is_readable {
        let message = "Enter a name for the view, up to 60 characters.";
        return Err(Invalid::one("name", "length", message).into());
    }
    // Only known filters are kept, in their canonical order.
    let query = LogQuery::parse(query).at("", "").address("");
    let query = query.trim_start_matches('?').to_owned();
    if query.len() > LONGEST_QUERY {
        return Err(Invalid::one("query", "length", "The filters are too long to save.").into());
    }
    let view = View { id: ViewId(ctx.portal.clock().id()), name, query };
    let saved = view.clone();
    let is_saved: Result<bool, store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { views::save(conn, user, &view).await }))
        .await;
    if !is_saved? {
        let message = format!("You have {MAX_PER_USER} saved views. Remove one first.");
        return Err(Invalid::one("name", "limit", message).into());
    }
    Ok(saved)
}

/// Removes one of the user's own views.
pub async fn remove(ctx: &OpCtx, id: ViewId) -> Result<(), Error> {
    let user = signed_in_user(ctx)?.id;
    let removed: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { views::remove(conn, user, id).await }))
        .await;
    Ok(removed?)
}
