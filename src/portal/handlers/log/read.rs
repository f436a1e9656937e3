//! Parses the query of the list of deliveries: all errors at once, each with its field.

use crate::{
    domain::{
        event::EventType,
        id::{DeliveryId, EventId, HookId},
        invalid::Invalid,
        log::{AnswerGroup, LogQuery, Outcome, PAGE_SIZE, recent},
    },
    engine::store::log::{Place, Search},
    portal::ctx::OpCtx,
};

/// Maximum length of a search text, in characters.
const LONGEST_TEXT: usize = 200;

/// A parsed query.
pub struct Asked {
    pub search: Search,
    pub place: Place,
    /// Rows on a page.
    pub rows: u32,
}

/// Parses a query. The returned query has times with their UTC offset.
pub fn read(
    ctx: &OpCtx,
    mut query: LogQuery,
    own: Option<HookId>,
) -> (LogQuery, Result<Asked, Invalid>) {
    let mut invalid = Invalid::default();
    let mut search = Search { hook: own, ..Search::default() };
    for text in [&mut query.event, &mut query.text, &mut query.hook] {
        *text = text.trim().to_owned();
    }
    // One box finds both: an id of an event, or text in payloads.
    if query.event.is_empty() && query.text.parse::<EventId>().is_ok() {
        query.event = std::mem::take(&mut query.text);
    }
    if own.is_some() {
        query.hook.clear();
    }
    read_choices(&query, &mut search, &mut invalid);
    (search.from, search.to) = super::super::datetime::range(
        ctx,
        (&mut query.from, &mut query.to),
        &query.zone,
        &mut invalid,
    );
    query.zone.clear();
    if !(query.from.is_empty() && query.to.is_empty()) {
        query.last.clear();
    }
    if !query.last.is_empty() {
        let recent = recent(&query.last);
        search.from = recent.map(|(_, length)| ctx.portal.clock().now().before(length));
        invalid.add_unless(recent.is_some(), "last", "Choose a time range from the list.");
    }
    let rows = query.page_size();
    query.rows = if rows == PAGE_SIZE { String::new() } else { rows.to_string() };
    let id = |text: &str| text.parse::<DeliveryId>().ok();
    let place = match (id(&query.before), id(&query.after)) {
        (Some(before), _) => Place::Before(before),
        (None, Some(after)) => Place::After(after),
        (None, None) => Place::Newest,
    };
    (query, invalid.or(Asked { search, place, rows }))
}

/// What a query names: hook, event, event type, status, response and text.
fn read_choices(query: &LogQuery, search: &mut Search, invalid: &mut Invalid) {
    if !query.hook.is_empty() {
        search.hook = query.hook.parse().ok();
        invalid.add_unless(search.hook.is_some(), "hook", "Choose a hook from the list.");
    }
    if !query.event.is_empty() {
        search.event = query.event.parse().ok();
        invalid.add_unless(
            search.event.is_some(),
            "event",
            "Enter a complete event ID: 36 characters.",
        );
    }
    if !query.event_type.is_empty() {
        search.event_type = EventType::from_key(&query.event_type);
        invalid.add_unless(
            search.event_type.is_some(),
            "event_type",
            "Choose an event type from the list.",
        );
    }
    if let Some(outcome) = Outcome::from_key(&query.state) {
        (search.states, search.tests) = (outcome.states.to_vec(), outcome.tests);
    } else {
        invalid.add_unless(query.state.is_empty(), "state", "Choose a status from the list.");
    }
    if !query.answer.is_empty() {
        search.answer = AnswerGroup::from_key(&query.answer);
        invalid.add_unless(search.answer.is_some(), "answer", "Choose a response from the list.");
    }
    invalid.add_unless(
        query.text.chars().count() <= LONGEST_TEXT,
        "text",
        "Enter at most 200 characters.",
    );
}
