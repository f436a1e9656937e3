//! The pages of the event catalogue.

use super::found::parse_id;
use crate::{
    domain::{event::EventType, hook::Hook},
    engine::catalogue,
    portal::{
        ops::{self, snippets},
        request::{Request, request},
    },
    view::{
        Error,
        events::{EventPage, EventRow, SchemaVersion, Snippet},
    },
};

/// All event types with the number of their hooks.
pub async fn list() -> Result<Vec<EventRow>, Error> {
    let request = request()?;
    let events = request.respond(ops::catalogue::list(&request.ctx))?;
    let hooks = request.respond(ops::hooks::all(&request.ctx).await)?;
    let has_hook = |event: &EventType| hooks.iter().any(|hook| hook.event_type == *event);
    let alone: Vec<EventType> = events.iter().copied().filter(|event| !has_hook(event)).collect();
    let unheard = request.respond(ops::catalogue::unheard(&request.ctx, &alone).await)?;
    let row = |event: &EventType| {
        let own = || hooks.iter().filter(|hook| hook.event_type == *event);
        let (hooks, on) = (own().count(), own().filter(|hook| hook.enabled).count());
        let unheard = count_of(&unheard, *event);
        EventRow { event: *event, version: ops::catalogue::version_of(*event), hooks, on, unheard }
    };
    Ok(events.iter().map(row).collect())
}

fn count_of(unheard: &[(EventType, i64)], event: EventType) -> i64 {
    unheard.iter().find(|(known, _)| *known == event).map_or(0, |(_, count)| *count)
}

/// An event type: fields, schema, versions, sample code in `lang` for `hook`, and its hooks.
pub async fn detail(key: &str, lang: &str, hook: &str) -> Result<EventPage, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let event = request.respond(ops::catalogue::find(ctx, key))?;
    let fields = request.respond(ops::catalogue::fields(ctx, event))?;
    let versions = request.respond(ops::catalogue::versions(ctx, event))?;
    let mut hooks = request.respond(ops::hooks::all(ctx).await)?;
    hooks.retain(|hook| hook.event_type == event);
    let alone: &[EventType] = if hooks.is_empty() { &[event] } else { &[] };
    let unheard = request.respond(ops::catalogue::unheard(ctx, alone).await)?;
    let hook = requested_hook(&request, hook, &hooks)?;
    let member = fields
        .iter()
        .find(|field| field.required)
        .map(|field| field.path.clone())
        .unwrap_or_default();
    let snippet = snippet(event, &member, lang, hook.as_ref());
    let version = |(version, changes): (&catalogue::Version, _)| SchemaVersion {
        number: version.number,
        since: version.since.to_owned(),
        note: version.note.to_owned(),
        changes,
    };
    let delivery = &ctx.portal.settings.delivery;
    Ok(EventPage {
        event,
        fields,
        sample: catalogue::sample(event).to_owned(),
        schema: catalogue::schema_text(event, catalogue::Draft::default()),
        versions: versions.into_iter().map(version).collect(),
        snippet,
        hook,
        hooks,
        unheard: count_of(&unheard, event),
        retries: delivery.retry_schedule.clone(),
        timeout: delivery.timeout,
    })
}

/// The hook with the id in the URL. It must be one of this event.
fn requested_hook(request: &Request, id: &str, hooks: &[Hook]) -> Result<Option<Hook>, Error> {
    if id.is_empty() {
        return Ok(None);
    }
    let id = request.respond(parse_id(id))?;
    let found = hooks.iter().find(|hook| hook.id == id).cloned();
    request.respond(found.map(Some).ok_or(ops::Error::NotFound("hook")))
}

/// Sample code that reads the field `member`.
fn snippet(event: EventType, member: &str, lang: &str, hook: Option<&Hook>) -> Snippet {
    let language = snippets::language(lang);
    let languages = snippets::LANGUAGES
        .iter()
        .map(|language| (language.key.to_owned(), language.name.to_owned()));
    let url = hook.map(|hook| hook.callback_url.as_str());
    Snippet {
        language: language.key.to_owned(),
        languages: languages.collect(),
        file: language.file.to_owned(),
        text: language.snippet(event, member, catalogue::sample(event), url),
    }
}
