//! Recover: since when, what, how fast; then what that would be, in numbers; then it is begun.
//! Three ordinary pages.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::spread::SpreadChart;
use crate::{
    domain::{
        job::{MAX_PACE, time_needed},
        log::AnswerGroup,
        permission::Permissions,
        recovery::RecoverForm,
        words::grouped,
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
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::jobs::{DryRun, RecoverHook, RecoverPage, STATES, Span},
};

#[component]
pub fn HookRecoverPage() -> impl IntoView {
    let page = read_recover(param("id"), RecoverForm::read(query));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Hooks>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

/// Of all hooks.
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
        format!("Recover – {of}")
    } else {
        format!("Error: Recover – {of}")
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
        <h1>"Recover what was missed"</h1>
        {hook.clone().map(|hook| view! { <HookNav id=hook.id
            place=HookPlace::Recover permissions/> })}
        <p class="lead">"Sends again what failed or was skipped: the original bodies, to where the \
                         hook leads now, the oldest first. Nothing is sent before you have seen \
                         the numbers."</p>
        {page.running.clone().map(|job| view! {
            <p class="panel warn">"Another job is running for this: " <a
                href=format!("/integration/jobs/{job}")>"see its progress"</a> ". You can start a \
                    new one for the same deliveries when it is done."</p>
        })}
        {hook.map(|hook| view! { <Standing hook page=page.clone()/> })}
        <ErrorSummary errors=page.errors.clone()/>
        {page.dry_run.clone().map(|run| view! { <Numbers run page=page.clone()/> })}
        <Form page/>
    }
}

/// Why nothing would arrive just now.
#[component]
fn Standing(hook: RecoverHook, page: RecoverPage) -> impl IntoView {
    let now = page.now;
    match (hook.enabled, hook.paused_since) {
        (false, _) => view! {
            <p class="panel warn"><b>"The hook is off."</b> " What is sent again is held until it \
                is switched on. " <a href=format!("/integration/hooks/{}",
                    hook.id)>"Go to the hook"</a></p>
        }
        .into_any(),
        (true, Some(since)) => view! {
            <p class="panel warn"><b>"The hook is paused since "<DateTime
                at=since now/>"."</b> " What is sent again is held until a probe succeeds."</p>
        }
        .into_any(),
        _ => ().into_any(),
    }
}

#[component]
fn Numbers(run: DryRun, page: RecoverPage) -> impl IntoView {
    let total = run.count.total();
    let rows = run.count.parts.iter().map(|(state, answer, count)| {
        view! { <tr><th scope="row">{state.word()}</th><td
        data-label="Last answer">{answer.word()}</td><td data-label="Deliveries"
            class="end">{grouped(*count)}</td></tr> }
    });
    let rows = rows.collect_view();
    let (from, to) = (run.from, run.to);
    let took = time_needed(total, run.per_second);
    view! {
        <section class="card" id="count" tabindex="-1" aria-labelledby="count-title">
            <h2 id="count-title">{if total == 0 { "Nothing to send \
                again".to_owned() } else { format!("{} would be sent again",
                    run.count.words()) }}</h2>
            <p>
                {from.map(|from| view! { "Accepted from " <ExactDateTime at=from/> " to " })}
                {from.is_none().then_some("Accepted until ")} <ExactDateTime at=to/> "."
            </p>
            {if total == 0 {
                view! { <p>"Nothing of this kind was accepted in that time, or it was sent again \
                            already. Choose a longer time, or more of what is to be \
                            sent."</p> }.into_any()
            } else {
                view! {
                    <div class="scroll" role="region" aria-label="What would be sent again"
                        tabindex="0">
                        <table>
                            <caption class="visually-hidden">"What would be sent again"</caption>
                            <thead><tr><th scope="col">"Outcome"</th><th
                                scope="col">"Last answer"</th><th scope="col"
                                    class="end">"Deliveries"</th></tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                    <SpreadChart spread=run.spread.clone()/>
                    <p>"At " {run.per_second} " a second that takes " {took} ". Each carries the \
                        webhook-id it had, so a receiver that got one before sees a repeat. Tests \
                        are left out."</p>
                    <Start run page/>
                }.into_any()
            }}
        </section>
    }
}

#[component]
fn Start(run: DryRun, page: RecoverPage) -> impl IntoView {
    let mut exact = run.exact.clone();
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
            {hidden}
            <button class="primary" type="submit">"Start"</button>
        </form>
    }
}

#[component]
fn Form(page: RecoverPage) -> impl IntoView {
    let RecoverPage { form, from, to, zone, hook, spans, errors, dry_run, .. } = page;
    let action = match &hook {
        Some(hook) => format!("/integration/hooks/{}/recover", hook.id),
        None => "/integration/deliveries/recover".to_owned(),
    };
    let states = form.states();
    let boxes = STATES.iter().map(|state| {
        let checked = states.contains(state);
        let words = match state {
            crate::domain::delivery::State::Skipped => "Skipped (hook off or its queue full)",
            crate::domain::delivery::State::Delivered => "Delivered (sends it a second time)",
            state => state.word(),
        };
        view! { <label><input type="checkbox" id=state.key() name=state.key() value="true"
        checked=checked/>{words}</label> }
    });
    let boxes = boxes.collect_view();
    let button = if dry_run.is_some() { "Count again" } else { "Count what would be sent" };
    let (event, event_type) = (form.event.clone(), form.event_type.clone());
    let pace_error = errors.message("pace").map(str::to_owned);
    let described = Description::of("pace", true, pace_error.is_some());
    view! {
        <form class="recover stack" method="get" action=action>
            <Since form=form.clone() spans from to zone errors=errors.clone()/>
            <fieldset class="field choice">
                <legend>"What"</legend>
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
            <Field name="pace" label="Pace" hint=format!("Deliveries a second, at most {MAX_PACE}. \
                A receiver that was down may need some time.") error=pace_error>
                <input id="pace" name="pace" type="number" min="1" max=MAX_PACE value=form.pace
                    class="short" aria-describedby=described.described_by
                        aria-invalid=described.invalid/>
            </Field>
            <div class="buttons"><button type="submit"
                class:primary=dry_run.is_none()>{button}</button></div>
        </form>
    }
}

#[component]
fn Since(
    form: RecoverForm,
    spans: Vec<Span>,
    from: String,
    to: String,
    zone: String,
    errors: crate::domain::invalid::Invalid,
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
            <legend>"Since when"</legend>
            {error("since").map(|error| view! { <FieldError name="since" error/> })}
            <div class="radios down">{radios}</div>
        </fieldset>
        <div class="slots">
            <Field name="from" label="Exactly from" hint=format!("In {zone}.") error=error("from")>
                <input id="from" name="from" type="datetime-local" step="1" value=from
                    aria-describedby="from-hint"/>
            </Field>
            <Field name="to" label="Exactly to" hint=format!("In {zone}; empty: until now.")
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
        <Field name="answer" label="Only where the last answer was" error=None>
            <select id="answer" name="answer" class="short"><option
                value="">"Any"</option>{options.collect_view()}</select>
        </Field>
    }
}
