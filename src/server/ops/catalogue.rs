//! The event catalogue, for whoever may see hooks.

use serde_json::Value;

use super::Error;
use crate::{
    domain::{event::EventType, permission::Permission},
    engine::catalogue::{self, Draft},
    server::ctx::OpCtx,
};

/// A schema as the bytes that are downloaded, with its file's name.
pub fn schema_file(ctx: &OpCtx, key: &str, draft: Draft) -> Result<(String, String), Error> {
    let event = find(ctx, key)?;
    Ok((catalogue::schema_file_name(event), catalogue::schema_text(event, draft)))
}

/// The schema of an event as a document.
pub fn schema(ctx: &OpCtx, event: EventType) -> Result<Value, Error> {
    ctx.require(Permission::HooksRead)?;
    Ok(catalogue::schema(event, Draft::default()))
}

/// The event with this key.
pub fn find(ctx: &OpCtx, key: &str) -> Result<EventType, Error> {
    ctx.require(Permission::HooksRead)?;
    EventType::from_key(key).ok_or(Error::NotFound("event"))
}

/// Every event.
pub fn list(ctx: &OpCtx) -> Result<&'static [EventType], Error> {
    ctx.require(Permission::HooksRead)?;
    Ok(EventType::ALL)
}
