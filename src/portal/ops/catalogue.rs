//! The event catalogue: event types, fields, schemas and samples. Requires `hooks:read`.

use std::time::Duration;

use super::{Error, archive};
use crate::{
    domain::{
        contract::{Difference, Field},
        event::EventType,
        invalid::Invalid,
        permission::right,
    },
    engine::{
        catalogue::{self, Draft, Version, fields},
        store::unheard,
    },
    portal::ctx::OpCtx,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A file to download.
pub struct File {
    pub name: String,
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// The event type with this key.
pub fn find(ctx: &OpCtx, key: &str) -> Result<EventType, Error> {
    ctx.require(right::HooksRead)?;
    EventType::from_key(key).ok_or(Error::NotFound("event"))
}

/// All event types.
pub fn list(ctx: &OpCtx) -> Result<&'static [EventType], Error> {
    ctx.require(right::HooksRead)?;
    Ok(EventType::ALL)
}

/// How many events of these types were accepted in the last 24 hours while no hook listened. Empty
/// without `deliveries:read`.
pub async fn unheard(ctx: &OpCtx, events: &[EventType]) -> Result<Vec<(EventType, i64)>, Error> {
    let Ok(grant) = ctx.require(right::DeliveriesRead) else { return Ok(Vec::new()) };
    let from = ctx.portal.clock().now().before(DAY);
    Ok(unheard::count(&mut ctx.portal.store().read().await?, &grant, events, from).await?)
}

/// Number of the current schema version. Needs no permission.
pub fn version_of(event: EventType) -> u32 {
    catalogue::current(event).number
}

/// Fields of the current schema version.
pub fn fields(ctx: &OpCtx, event: EventType) -> Result<Vec<Field>, Error> {
    ctx.require(right::HooksRead)?;
    Ok(fields::of(event, catalogue::current(event)))
}

/// All schema versions, newest first, each with its differences from the previous one.
pub fn versions(
    ctx: &OpCtx,
    event: EventType,
) -> Result<Vec<(&'static Version, Vec<Difference>)>, Error> {
    ctx.require(right::HooksRead)?;
    Ok(catalogue::versions(event)
        .iter()
        .rev()
        .map(|version| (version, fields::changes(event, version)))
        .collect())
}

/// A schema as a file: the current version, or the given one.
pub fn schema_file(
    ctx: &OpCtx,
    key: &str,
    draft: Draft,
    version: Option<u32>,
) -> Result<File, Error> {
    let event = find(ctx, key)?;
    let Some(number) = version else {
        let bytes = catalogue::schema_text(event, draft).into_bytes();
        return Ok(File { name: catalogue::schema_file_name(event), content_type: SCHEMA, bytes });
    };
    let known = catalogue::versions(event);
    let version = known.iter().find(|version| version.number == number).ok_or_else(|| {
        let numbers: Vec<_> = known.iter().map(|version| version.number.to_string()).collect();
        Invalid::one("v", "unknown", format!("Unknown version. Available: {}.", numbers.join(", ")))
    })?;
    let bytes = catalogue::schema_text_at(event, version, draft).into_bytes();
    Ok(File { name: versioned_name(event, version), content_type: SCHEMA, bytes })
}

/// The sample of an event type as a file.
pub fn sample_file(ctx: &OpCtx, key: &str) -> Result<File, Error> {
    let event = find(ctx, key)?;
    let name = format!("{}.sample.json", event.key());
    Ok(File {
        name,
        content_type: "application/json",
        bytes: sample_text(catalogue::current(event)).into_bytes(),
    })
}

/// A ZIP of all schema versions in both drafts, with their samples.
pub fn all_files(ctx: &OpCtx) -> Result<File, Error> {
    let mut files = Vec::new();
    for event in list(ctx)? {
        for version in catalogue::versions(*event) {
            for draft in [Draft::Draft2020, Draft::Draft07] {
                let name = format!("draft-{}/{}", draft.key(), versioned_name(*event, version));
                files.push((name, catalogue::schema_text_at(*event, version, draft)));
            }
            files.push((
                format!("samples/{}.v{}.json", event.key(), version.number),
                sample_text(version),
            ));
        }
    }
    files.sort();
    let bytes = archive::pack(&files).expect("a few small files fit into any archive");
    Ok(File {
        name: "service-hooks-schemas.zip".to_owned(),
        content_type: "application/zip",
        bytes,
    })
}

const SCHEMA: &str = "application/schema+json";

fn versioned_name(event: EventType, version: &Version) -> String {
    format!("{}.v{}.schema.json", event.key(), version.number)
}

/// The sample with a final line break, which samples in pages and on the wire do not have.
fn sample_text(version: &Version) -> String {
    format!("{}\n", version.sample)
}
