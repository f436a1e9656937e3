//! The quick search behind the search page and the command palette: objects, actions and pages that
//! fit a few words. Each is shown only to those who may see it.

use crate::{
    domain::{
        event::EventType,
        hook::Hook,
        id::HookId,
        id_text::IdText,
        permission::{Permission, Permission as P},
    },
    portal::{
        ops::{self, search::ById},
        request::{Request, redirect, request},
    },
    view::{
        Error,
        search::{Does, Found, Group, Item},
        words::search as words,
    },
};

/// Results of a group.
const MOST: usize = 8;
/// Longer text is cut: nothing has a longer name, and an address may be pasted.
const LONGEST: usize = 2100;

/// Pages and actions: title, address, more words to find it by, and the permission it needs.
const PAGES: &[(&str, &str, &str, Option<Permission>)] = &[
    ("Service hooks", "/integration/hooks", "home list webhooks", Some(P::HooksRead)),
    ("Deliveries", "/integration/deliveries", "log history", Some(P::DeliveriesRead)),
    ("Undelivered", "/integration/undelivered", "failed skipped held", Some(P::DeliveriesRead)),
    ("Event catalogue", "/integration/events", "types schemas fields", Some(P::HooksRead)),
    ("Redeliveries", "/integration/jobs", "jobs progress recover", Some(P::DeliveriesRead)),
    ("Status", "/status", "system health database queue", Some(P::SystemRead)),
    (
        "Account and preferences",
        "/account",
        "theme time zone profile password sessions api tokens",
        None,
    ),
    ("Keyboard shortcuts", "/shortcuts", "keys help", None),
];

const ACTIONS: &[(&str, &str, &str, Option<Permission>)] = &[
    ("New hook", "/integration/hooks/new", "create add set up webhook", Some(P::HooksWrite)),
    (
        "Redeliver missed events",
        "/integration/deliveries/recover",
        "recover resend retry replay",
        Some(P::DeliveriesReplay),
    ),
];

/// What fits `text`. The whole id of one object leads straight to it, unless a list is wanted.
pub async fn find(text: &str, wants_list: bool) -> Result<Found, Error> {
    let request = request()?;
    let q: String = text.trim().chars().take(LONGEST).collect();
    let hooks = request.respond(ops::search::hooks(&request.ctx).await)?;
    let id = IdText::find(&q);
    let by_id = match id {
        Some(id) => request.respond(ops::search::by_id(&request.ctx, id).await)?,
        None => ById::default(),
    };
    let objects = objects(&hooks, id, &by_id);
    if let ([Item { does: Does::Open(only), .. }], false) = (objects.as_slice(), wants_list)
        && id.is_some_and(|id| id.is_whole())
    {
        redirect(only);
    }
    let wanted = Wanted::parse(&q);
    let groups = [
        ("By ID", objects),
        ("Hooks", fitting(hooks.iter().map(hook_item), &wanted)),
        ("Actions", actions(&request, &hooks, &wanted)),
        ("Event types", event_types(&request, &wanted)),
        ("Pages", fitting(permitted(&request, PAGES), &wanted)),
        ("Deliveries", payloads(&request, &q)),
    ];
    let groups = groups.into_iter().filter(|(_, items)| !items.is_empty());
    let groups = groups.map(|(title, items)| Group { title: title.to_owned(), items });
    Ok(Found { q, groups: groups.collect() })
}

/// The words that were typed. All of them must occur, in any order and case.
struct Wanted(Vec<String>);

impl Wanted {
    fn parse(text: &str) -> Self {
        Self(text.to_lowercase().split_whitespace().map(str::to_owned).collect())
    }

    fn fits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word))
    }
}

/// An item, and the text that it is found by.
type Candidate = (Item, String);

fn candidate(title: String, about: String, does: Does, more: &str) -> Candidate {
    let text = format!("{title} {about} {more}");
    (Item { title, about, does }, text)
}

fn fitting(candidates: impl Iterator<Item = Candidate>, wanted: &Wanted) -> Vec<Item> {
    let fits = |(item, text): Candidate| wanted.fits(&text).then_some(item);
    candidates.filter_map(fits).take(MOST).collect()
}

fn permitted<'a>(
    request: &'a Request,
    all: &'static [(&str, &str, &str, Option<Permission>)],
) -> impl Iterator<Item = Candidate> + 'a {
    all.iter().filter(|(_, _, _, needed)| needed.is_none_or(|needed| request.ctx.may(needed))).map(
        |(title, href, more, _)| {
            candidate((*title).to_owned(), String::new(), Does::Open((*href).to_owned()), more)
        },
    )
}

fn page_of(hook: HookId) -> String {
    format!("/integration/hooks/{hook}")
}

fn hook_item(hook: &Hook) -> Candidate {
    let about = format!("{}, {}", hook.event_type.name(), hook.callback_url);
    let does = Does::Open(page_of(hook.id));
    candidate(hook.name.clone(), about, does, hook.event_type.key())
}

/// The objects whose id was given, each with its page.
fn objects(hooks: &[Hook], id: Option<IdText>, found: &ById) -> Vec<Item> {
    let Some(id) = id else { return Vec::new() };
    let item =
        |title: String, about: String, page: String| Item { title, about, does: Does::Open(page) };
    let name = |id: HookId| {
        hooks.iter().find(|hook| hook.id == id).map_or("a deleted hook", |hook| hook.name.as_str())
    };
    let deliveries = found.deliveries.iter().map(|delivery| {
        let about = format!("{} to {}", delivery.event_type.name(), name(delivery.hook_id));
        let page = format!("{}/deliveries/{}", page_of(delivery.hook_id), delivery.id);
        item(format!("Delivery {}", delivery.id), about, page)
    });
    let events = found.events.iter().map(|(event, kind)| {
        let page = format!("/integration/deliveries?event={event}");
        item(format!("Event {event}"), kind.name().to_owned(), page)
    });
    let own = hooks.iter().filter(|hook| id.has(hook.id.0));
    let own = own.map(|hook| item(hook.name.clone(), "Hook".to_owned(), page_of(hook.id)));
    let jobs = found.jobs.iter().map(|job| {
        item(format!("Redelivery {job}"), "Job".to_owned(), format!("/integration/jobs/{job}"))
    });
    let deleted = found
        .deleted
        .iter()
        .map(|hook| item(hook.name.clone(), "Deleted hook".to_owned(), page_of(hook.id)));
    deliveries.chain(events).chain(own.take(MOST)).chain(jobs).chain(deleted).collect()
}

/// What the user can do, with hooks too once something was typed.
fn actions(request: &Request, hooks: &[Hook], wanted: &Wanted) -> Vec<Item> {
    let may = |permission| request.ctx.may(permission);
    let sign_out = candidate("Sign out".to_owned(), String::new(), Does::SignOut, "log out");
    let mut items: Vec<Item> = fitting(permitted(request, ACTIONS).chain([sign_out]), wanted);
    if wanted.0.is_empty() {
        return items;
    }
    let (writes, tests) = (may(P::HooksWrite), may(P::HooksTest));
    let reads = may(P::DeliveriesRead);
    let of_hook = |hook: &Hook| {
        let (name, page, on) = (&hook.name, page_of(hook.id), !hook.enabled);
        let switch = Does::Switch { id: hook.id.to_string(), on };
        let all = [
            (tests, words::test_hook(name), Does::Open(format!("{page}/test"))),
            (writes, words::switch_hook(name, on), switch),
            (writes, words::edit_hook(name), Does::Open(format!("{page}/settings"))),
            (reads, words::deliveries_of(name), Does::Open(format!("{page}/deliveries"))),
        ];
        all.into_iter()
            .filter(|(may, _, _)| *may)
            .map(|(_, title, does)| candidate(title, String::new(), does, ""))
            .collect::<Vec<_>>()
    };
    items.extend(fitting(hooks.iter().flat_map(of_hook), wanted));
    items
}

fn event_types(request: &Request, wanted: &Wanted) -> Vec<Item> {
    if wanted.0.is_empty() || !request.ctx.may(P::HooksRead) {
        return Vec::new();
    }
    let item = |event: &EventType| {
        let page = format!("/integration/events/{}", event.key());
        candidate(event.name().to_owned(), event.key().to_owned(), Does::Open(page), event.when())
    };
    fitting(EventType::ALL.iter().map(item), wanted)
}

/// The full-text search is one step away.
fn payloads(request: &Request, q: &str) -> Vec<Item> {
    if q.is_empty() || !request.ctx.may(P::DeliveriesRead) {
        return Vec::new();
    }
    let page = format!("/integration/deliveries?text={}", super::encoded(q));
    let title = words::search_payloads(q);
    vec![Item { title, about: String::new(), does: Does::Open(page) }]
}
