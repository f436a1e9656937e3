//! The filters of the delivery log: a GET form, and a chip for each active filter.

use leptos::prelude::*;

use crate::{
    domain::{
        event::EventType,
        log::{AnswerGroup, LogQuery, OUTCOMES, Outcome, RECENT, recent},
        time::Timestamp,
    },
    ui::widgets::{
        chips::{Chip, Chips},
        datetime::readers_clock,
        field::FieldError,
    },
    view::{log::LogPage, words::deliveries as words},
};

/// The form and the chips.
#[component]
pub fn LogFilter(page: LogPage) -> impl IntoView {
    let query = page.query.clone();
    let is_global = page.hook.is_none();
    let more_in_use = [&query.answer, &query.event, &query.from, &query.to];
    let is_open = more_in_use.iter().any(|value| !value.is_empty()) || !page.errors.is_empty();
    let hooks: Vec<(String, String)> =
        page.hooks.iter().map(|hook| (hook.id.clone(), hook.name.clone())).collect();
    let option = |outcome: &Outcome| (outcome.key.to_owned(), outcome.word.to_owned());
    let outcomes: Vec<_> = OUTCOMES.iter().map(option).collect();
    let answers: Vec<_> = AnswerGroup::ALL
        .iter()
        .map(|group| (group.key().to_owned(), group.word().to_owned()))
        .collect();
    let answer = AnswerGroup::from_key(&query.answer)
        .map_or(query.answer.clone(), |group| group.key().to_owned());
    let types: Vec<_> = EventType::ALL
        .iter()
        .map(|event| (event.key().to_owned(), event.name().to_owned()))
        .collect();
    let recent: Vec<_> =
        RECENT.iter().map(|(key, word, _)| ((*key).to_owned(), (*word).to_owned())).collect();
    let matching = page.histogram.as_ref().map(|chart| words::matching(chart.total));
    let rows = (!query.rows.is_empty()).then(|| query.rows.clone());
    view! {
        <form class="filter stacked" method="get" autocomplete="off" role="search"
            action=page.path.clone()
            aria-label="Deliveries">
            {rows.map(|rows| view! { <input type="hidden" name="rows" value=rows/> })}
            <div class="slots">
                {page.may_see_bodies.then(|| view! {
                    <Slot name="text" label="Event ID or text in the payload" kind="search"
                        value=query.text.clone()
                        error=page.errors.message("text").map(str::to_owned)/>
                })}
                <Choice name="state" label="Status" value=query.state.clone() options=outcomes/>
                {is_global.then(|| view! { <Choice name="hook" label="Hook"
                    value=query.hook.clone() options=hooks/> })}
                {is_global.then(|| view! { <Choice name="event_type" label="Event type"
                    value=query.event_type.clone() options=types/> })}
                <Choice name="last" label="Time" value=query.last.clone() options=recent/>
                <button type="submit">"Apply"</button>
                <p class="count muted" id="live-count" data-live="">{matching}</p>
            </div>
            <details open=is_open>
                <summary>"More filters"</summary>
                <More page=page.clone() answers answer/>
            </details>
        </form>
        <Active page/>
    }
}

/// The filters that are collapsed by default.
#[component]
fn More(page: LogPage, answers: Vec<(String, String)>, answer: String) -> impl IntoView {
    let query = page.query.clone();
    let error = |name: &str| page.errors.message(name).map(str::to_owned);
    let zone = page.zone.clone();
    view! {
        <div class="slots">
            <Choice name="answer" label="Last response" value=answer options=answers/>
            <Slot name="from" label=format!("From ({zone})") kind="datetime-local"
                value=page.from.clone() error=error("from")/>
            <Slot name="to" label=format!("To ({zone})") kind="datetime-local"
                value=page.to.clone() error=error("to")/>
            <input type="hidden" name="zone" value=zone/>
            <Slot name="event" label="Event ID" kind="text" value=query.event.clone()
                error=error("event") code=true/>
        </div>
    }
}

/// A select with the option "Any".
#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    value: String,
    options: Vec<(String, String)>,
) -> impl IntoView {
    let options = options.into_iter().map(move |(key, word)| {
        let selected = key == value;
        view! { <option value=key selected=selected>{word}</option> }
    });
    view! {
        <label class="slot"><span>{label}</span>
            <select name=name><option value="">"Any"</option>{options.collect_view()}</select>
        </label>
    }
}

/// An input with its label and error.
#[component]
fn Slot(
    name: &'static str,
    #[prop(into)] label: String,
    kind: &'static str,
    value: String,
    error: Option<String>,
    #[prop(default = false)] code: bool,
) -> impl IntoView {
    let wrong = error.is_some().then_some("true");
    let described = error.is_some().then(|| format!("{name}-error"));
    // With seconds: a range may come from a link that has them.
    let step = (kind == "datetime-local").then_some("1");
    let class = if code { "mono" } else { "" };
    view! {
        <div class="slot">
            <label for=name>{label}</label>
            <input id=name name=name type=kind value=value step=step class=class autocomplete="off"
                aria-invalid=wrong aria-describedby=described/>
            {error.map(|error| view! { <FieldError name error/> })}
        </div>
    }
}

/// A chip for each active filter, which removes that filter.
#[component]
fn Active(page: LogPage) -> impl IntoView {
    let LogPage { query, path, hooks, .. } = page;
    let clock = readers_clock();
    let readable =
        |text: &str| Timestamp::parse(text).map_or(text.to_owned(), |at| clock.exact(at));
    let hook = hooks
        .iter()
        .find(|hook| hook.id == query.hook)
        .map_or(query.hook.clone(), |hook| hook.name.clone());
    let values = [
        ("hook", "Hook", hook),
        (
            "state",
            "Status",
            Outcome::from_key(&query.state).map_or(query.state.clone(), |it| it.word.to_owned()),
        ),
        (
            "answer",
            "Last response",
            AnswerGroup::from_key(&query.answer)
                .map_or(query.answer.clone(), |it| it.word().to_owned()),
        ),
        (
            "last",
            "Time",
            recent(&query.last).map_or(query.last.clone(), |(word, _)| word.to_owned()),
        ),
        ("from", "From", readable(&query.from)),
        ("to", "To", readable(&query.to)),
        ("event", "Event", query.event.clone()),
        (
            "event_type",
            "Type",
            EventType::from_key(&query.event_type)
                .map_or(query.event_type.clone(), |it| it.name().to_owned()),
        ),
        ("text", "Text", query.text.clone()),
    ];
    let chips: Vec<Chip> = values
        .into_iter()
        .filter(|(.., value)| !value.is_empty())
        .map(|(name, words, value)| Chip {
            name: words,
            value,
            without: query.with(name, "").address(&path),
        })
        .collect();
    let all = LogQuery::default().address(&path);
    view! { <Chips chips all/> }
}
