//! Redelivers missed events in three steps: choose, preview, start. Each step is a page, so that it
//! works without scripts.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::spread::SpreadChart;
use crate::{
    domain::{
        delivery::State, invalid::Invalid, job::MAX_PACE, log::AnswerGroup,
        permission::Permissions, recovery::RecoverForm, words::grouped,
    },
    rpc::{
        jobs::{BeginRecover, read_recover},
        session::read_frame,
    },
    ui::{
        pages::{
            hooks::nav::{HookNav, HookPlace},
            param, query,
        },
        widgets::{
            datetime::{DateTime, ExactDateTime},
            field::{Description, ErrorSummary, Field, FieldError},
            form_token::FormToken,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{
        jobs::{DryRun, RecoverHook, RecoverPage, STATES, Span},
        words::{deliveries::SKIPPED, jobs as words},
    },
};

/// For one hook.
#[component]
pub fn HookRecoverPage() -> impl IntoView {
    let page = read_recover(param("id"), RecoverForm::read(query));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Hooks>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

/// For all hooks.
#[component]
pub fn RecoverAllPage() -> impl IntoView {
    let page = read_recover(String::new(), RecoverForm::read(query));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Undelivered>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

#[component]
fn Content(page: RecoverPage, permissions: Permissions) -> impl IntoView {
    let hook = page.hook.clone();
    let of = hook.as_ref().map_or("all hooks".to_owned(), |hook| hook.name.clone());
    let title = if page.errors.is_empty() {
        format!("Redeliver missed events – {of}")
    } else {
        format!("Error: Redeliver missed events – {of}")
    };
    view! {
        <Title text=title/>
        {match hook.clone() {
            Some(hook) => view! { <p class="crumbs"><a href="/integration/hooks">"Service \
                hooks"</a> " › " <a href=format!("/integration/hooks/{}",
                    hook.id)>{hook.name}</a></p> }.into_any(),
            None => view! { <p class="crumbs"><a
                href="/integration/undelivered">"Undelivered"</a></p> }.into_any(),
        }}
        <h1>"Redeliver missed events"</h1>
        {hook.clone().map(|hook| view! { <HookNav id=hook.id
            place=HookPlace::Recover permissions/> })}
        <p class="lead">"Sends events again: unchanged, to the hook's current URL, oldest \
                         first."</p>
        {page.running.clone().map(|job| view! {
            <p class="panel warn">"Another redelivery is running. " <a
                href=format!("/integration/jobs/{job}")>"View progress"</a> ". Wait for it to \
                    finish before you redeliver the same events."</p>
        })}
        {hook.map(|hook| view! { <HookNotice hook page=page.clone()/> })}
        <ErrorSummary errors=page.errors.clone()/>
        <Ranges page=page.clone()/>
        {page.dry_run.clone().map(|run| view! { <Numbers run page=page.clone()/> })}
        <Form page/>
    }
}

/// The path of this page.
fn path(hook: Option<&RecoverHook>) -> String {
    match hook {
        Some(hook) => format!("/integration/hooks/{}/recover", hook.id),
        None => "/integration/deliveries/recover".to_owned(),
    }
}

/// The time ranges as links: each shows its numbers at once.
#[component]
fn Ranges(page: RecoverPage) -> impl IntoView {
    let RecoverPage { form, hook, spans, .. } = page;
    let path = path(hook.as_ref());
    let links = spans.into_iter().filter(|span| span.from.is_some()).map(|span| {
        let current = (span.key == form.since).then_some("true");
        let href = form.with_range(&span.key).address(&path);
        view! { <li><a href=href aria-current=current>{span.words}</a></li> }
    });
    let links = links.collect_view();
    let custom = (form.since == "exact").then(|| {
        view! { <li><a href="#options"
        aria-current="true">"Custom"</a></li> }
    });
    view! {
        <nav aria-label="Time range"><ul class="choices">{links} {custom}</ul></nav>
    }
}

/// A warning if the hook is off or paused: redeliveries are held then.
#[component]
fn HookNotice(hook: RecoverHook, page: RecoverPage) -> impl IntoView {
    let now = page.now;
    match (hook.enabled, hook.paused_since) {
        (false, _) => view! {
            <p class="panel warn"><b>"The hook is off."</b> " Redeliveries are held until you turn \
                it on. " <a href=format!("/integration/hooks/{}",
                    hook.id)>"Go to the hook"</a></p>
        }
        .into_any(),
        (true, Some(since)) => view! {
            <p class="panel warn"><b>"The hook has been paused since "<DateTime
                at=since now/>"."</b> " Redeliveries are held until it recovers."</p>
        }
        .into_any(),
        _ => ().into_any(),
    }
}

/// The preview: number, time range, statuses, chart and duration.
#[component]
fn Numbers(run: DryRun, page: RecoverPage) -> impl IntoView {
    let total = run.count.total();
    let rows = run.count.parts.iter().map(|(state, answer, count)| {
        view! { <tr><th scope="row">{state.word()}</th><td
        data-label="Last response">{answer.word()}</td><td data-label="Deliveries"
            class="end">{grouped(*count)}</td></tr> }
    });
    let rows = rows.collect_view();
    let (from, to) = (run.from, run.to);
    view! {
        <section class="card" id="count" tabindex="-1" aria-labelledby="count-title">
            <h2 id="count-title">{words::preview_title(&run.count)}</h2>
            <p>
                {from.map(|from| view! { "Accepted from " <ExactDateTime at=from/> " to " })}
                {from.is_none().then_some("Accepted until ")} <ExactDateTime at=to/> "."
            </p>
            {if total == 0 {
                view! { <p>"No matching deliveries in this time range, or they have already \
                            been redelivered. Choose a longer time range or more \
                            statuses."</p> }.into_any()
            } else {
                let (run, page) = (run.clone(), page);
                let spread = run.spread.clone();
                let took = words::duration(total, run.per_second);
                view! {
                    <Start run page/>
                    <div class="scroll" role="region" aria-label="Events to redeliver"
                        tabindex="0">
                        <table>
                            <caption class="visually-hidden">"Events to redeliver"</caption>
                            <thead><tr><th scope="col">"Status"</th><th
                                scope="col">"Last response"</th><th scope="col"
                                    class="end">"Deliveries"</th></tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                    <SpreadChart spread/>
                    <p>{took} " Receivers can use webhook-id to ignore duplicates. Tests are not \
                        included."</p>
                }.into_any()
            }}
        </section>
    }
}

/// Starts the job. The hidden fields have absolute times, so that it sends what was counted.
#[component]
fn Start(run: DryRun, page: RecoverPage) -> impl IntoView {
    let mut exact = run.exact;
    let start = words::start(&run.count);
    let id = page.hook.map(|hook| hook.id).unwrap_or_default();
    let hidden: Vec<_> = exact
        .slots()
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            view! { <input type="hidden" name=format!("form[{name}]")
            value=value.clone()/> }
        })
        .collect();
    view! {
        <form class="buttons" method="post" action=BeginRecover::url()>
            <input type="hidden" name="id" value=id/>
            <FormToken/>
            {hidden}
            <button class="primary" type="submit">{start}</button>
        </form>
    }
}

/// The form of the first step. Filters that came from the log are kept as hidden fields.
#[component]
fn Form(page: RecoverPage) -> impl IntoView {
    let RecoverPage { form, from, to, zone, hook, spans, errors, dry_run, .. } = page;
    let action = path(hook.as_ref());
    let open = dry_run.is_none();
    let states = form.states();
    let boxes = STATES.iter().map(|state| {
        let checked = states.contains(state);
        let label = match state {
            State::Skipped => SKIPPED,
            State::Delivered => "Delivered (sends duplicates)",
            state => state.word(),
        };
        view! { <label><input type="checkbox" id=state.key() name=state.key() value="true"
        checked=checked/>{label}</label> }
    });
    let boxes = boxes.collect_view();
    let button = if dry_run.is_some() { "Update preview" } else { "Preview" };
    let (event, event_type) = (form.event.clone(), form.event_type.clone());
    let pace_error = errors.message("pace").map(str::to_owned);
    let described = Description::of("pace", true, pace_error.is_some());
    view! {
        <details id="options" open=open>
        <summary>"Choose another time range, status or rate"</summary>
        <form class="recover stack" method="get" action=action>
            <Since form=form.clone() spans from to zone errors=errors.clone()/>
            <fieldset class="field choice">
                <legend>"Status"</legend>
                {errors.message("failed").map(|error| view! { <FieldError name="failed"
                    error=error.to_owned()/> })}
                <div class="radios">{boxes}</div>
            </fieldset>
            <Answers chosen=form.answer.clone()/>
            {(!event.is_empty()).then(|| view! { <p>"Only \
                event " <code>{event.clone()}</code> "."</p> <input type="hidden" name="event"
                    value=event/> })}
            {(!event_type.is_empty()).then(|| view! { <p>"Only " <code>{event_type
                .clone()}</code> "."</p> <input type="hidden" name="event_type"
                    value=event_type/> })}
            <Field name="pace" label="Rate" hint=format!("Events per second, at most {MAX_PACE}. \
                Choose a low rate for a receiver that was down.") error=pace_error>
                <input id="pace" name="pace" type="number" min="1" max=MAX_PACE value=form.pace
                    class="short" aria-describedby=described.described_by
                        aria-invalid=described.invalid/>
            </Field>
            <div class="buttons"><button type="submit"
                class:primary=dry_run.is_none()>{button}</button></div>
        </form>
        </details>
    }
}

/// The time range: a preset, or a custom one.
#[component]
fn Since(
    form: RecoverForm,
    spans: Vec<Span>,
    from: String,
    to: String,
    zone: String,
    errors: Invalid,
) -> impl IntoView {
    let error = |name: &str| errors.message(name).map(str::to_owned);
    let radios = spans.into_iter().enumerate().map(|(place, span)| {
        let checked = span.key == form.since;
        let id = if place == 0 { "since".to_owned() } else { format!("since-{}", span.key) };
        view! {
            <label>
                <input type="radio" id=id name="since" value=span.key checked=checked/>{span.words}
                {span.from.map(|at| view! {
                    <span class="faint">"from " <ExactDateTime at/></span>
                })}
            </label>
        }
    });
    let radios = radios.collect_view();
    view! {
        <fieldset class="field choice">
            <legend>"Time range"</legend>
            {error("since").map(|error| view! { <FieldError name="since" error/> })}
            <div class="radios down">{radios}</div>
        </fieldset>
        <div class="slots">
            <Field name="from" label="From" hint=format!("For a custom range, in {zone}.")
                error=error("from")>
                <input id="from" name="from" type="datetime-local" step="1" value=from
                    aria-describedby="from-hint"/>
            </Field>
            <Field name="to" label="To" hint=format!("In {zone}. Leave blank to \
                include everything up to now.")
                error=error("to")>
                <input id="to" name="to" type="datetime-local" step="1" value=to
                    aria-describedby="to-hint"/>
            </Field>
            <input type="hidden" name="zone" value=zone/>
        </div>
    }
}

#[component]
fn Answers(chosen: String) -> impl IntoView {
    let options = AnswerGroup::ALL.iter().map(move |group| {
        let selected = group.key() == chosen;
        view! { <option value=group.key() selected=selected>{group.word()}</option> }
    });
    view! {
        <Field name="answer" label="Last response" error=None>
            <select id="answer" name="answer" class="short"><option
                value="">"Any"</option>{options.collect_view()}</select>
        </Field>
    }
}
