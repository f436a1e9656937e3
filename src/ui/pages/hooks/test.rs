//! Sending a test with a body of one's own: choose where to begin, change it, have it checked, send
//! it, see what came.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{
    nav::{HookNav, HookPlace},
    trial::sentence,
};
use crate::{
    domain::{
        contract::BodyCheck, delivery::Delivery, failure::diagnose, hook::Hook,
        permission::Permissions, time::Timestamp,
    },
    rpc::{
        session::read_frame,
        test_send::{CheckBody, SendBody, read_test},
    },
    ui::{
        pages::{
            deliveries::{Outcome, timeline::Timeline},
            param, query,
        },
        widgets::{
            datetime::DateTime,
            frame::{Frame, Place},
            loaded::loaded,
            table::DataTable,
            text_area::TextArea,
        },
    },
    view::{
        deliveries::DeliveryPage,
        test_send::{Origin, TestPage as TestData},
    },
};

#[component]
pub fn TestPage() -> impl IntoView {
    let (id, sample, draft, test) = (param("id"), query("sample"), query("draft"), query("test"));
    let read =
        async { Ok((read_test(id, sample, draft, test).await?, read_frame().await?.permissions)) };
    view! { <Frame place=Place::Hooks>{loaded(read,
    |(page, permissions)| view! { <Content page permissions/> })}</Frame> }
}

#[component]
fn Content(page: TestData, permissions: Permissions) -> impl IntoView {
    let TestData {
        hook,
        body,
        origin,
        may_use_last,
        has_no_last,
        checked,
        was_stopped,
        result,
        sees_answer,
        history,
        now,
    } = page;
    let address = format!("/integration/hooks/{}", hook.id);
    let title = if was_stopped {
        format!("Error: Test {}", hook.name)
    } else {
        format!("Test {}", hook.name)
    };
    let (id, name) = (hook.id.to_string(), hook.name.clone());
    let differs = matches!(checked, Some(BodyCheck::Differs(_)));
    let error = checked
        .as_ref()
        .filter(|checked| **checked != BodyCheck::Fits)
        .map(|_| "See above what is wrong with it.".to_owned());
    let snippets = format!("/integration/events/{}?hook={id}#receive", hook.event_type.key());
    view! {
        <Title text=title/>
        <div class="stack test">
            <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a> " › " <a
                href=address>{name.clone()}</a></p>
            <h1>"Test " {name}</h1>
            <HookNav id=id.clone() place=HookPlace::Test permissions/>
            {result.map(|result| view! { <Result result body=body.clone() sees_answer/> })}
            {checked.map(|checked| view! { <Checked checked was_stopped/> })}
            <section class="stack tight" aria-labelledby="body-title">
                <h2 id="body-title">"What to send"</h2>
                <About hook=hook.clone()/>
                <Samples id=id.clone() origin may_use_last has_no_last/>
                <form class="stack editor" method="post" action=SendBody::url()>
                    <input type="hidden" name="id" value=id/>
                    <TextArea name="body" label="Body" value=body rows=16 error
                        hint="JSON. Sent exactly as it stands here, with this hook's key and \
                              signature."/>
                    <div class="buttons">
                        <button class="primary" type="submit">"Send test"</button>
                        <button type="submit" formaction=CheckBody::url()>"Check"</button>
                        {differs.then(|| view! { <button type="submit" name="anyway"
                            value="true">"Send anyway"</button> })}
                    </div>
                </form>
            </section>
            <section class="stack tight" aria-labelledby="history-title">
                <h2 id="history-title">"Last tests"</h2>
                <History history now/>
            </section>
            <p>"Nothing there to answer yet? " <a href=snippets>"Receivers to begin with"</a> ", \
                in several languages, made for this hook."</p>
        </div>
    }
}

/// Where it goes, and that a hook that is off can be tested all the same.
#[component]
fn About(hook: Hook) -> impl IntoView {
    view! {
        <p>
            "A test goes to " <code>{hook.callback_url}</code> " like every delivery, once, with \
                the header "
            <code>"x-service-hook-test: true"</code> ". It does not count for the hook's health."
            {(!hook.enabled).then_some(" The hook is off: events are not sent, tests are.")}
        </p>
    }
}

#[component]
fn Samples(id: String, origin: Origin, may_use_last: bool, has_no_last: bool) -> impl IntoView {
    let link = |target: Origin, sample: &str, text: &'static str| {
        let current = (target == origin).then_some("true");
        view! { <li><a href=format!("/integration/hooks/{id}/test?sample={sample}")
        aria-current=current>{text}</a></li> }
    };
    view! {
        <nav aria-label="Begin with">
            <ul class="choices">
                {link(Origin::Sample, "example", "The schema's example")}
                {may_use_last.then(|| link(Origin::LastEvent, "last",
                    "The last real event, masked"))}
                {(origin == Origin::Typed).then(|| view! { <li><span>"What you \
                    typed"</span></li> })}
            </ul>
        </nav>
        {(origin == Origin::LastEvent).then(|| view! {
            <p class="hint" id="masked">"What is about people is masked: names, telephone numbers, \
                e-mail addresses, customer identifiers and notes. Members that the catalogue does \
                not know are left out."</p>
        })}
        {has_no_last.then(|| view! { <p class="hint">"No event came to this hook yet, or its body \
            is no longer kept. This is the schema's example."</p> })}
    }
}

#[component]
fn Checked(checked: BodyCheck, was_stopped: bool) -> impl IntoView {
    let not_sent = was_stopped.then_some(" Nothing was sent.");
    match checked {
        BodyCheck::Fits => view! {
            <p class="notice ok" id="check" role="status">"✓ It is valid JSON and as the schema \
                demands. Nothing was sent yet."</p>
        }
        .into_any(),
        BodyCheck::NotJson { line, column, words } => view! {
            <div class="summary" id="check" role="alert" tabindex="-1" autofocus>
                <h2>"It is not valid JSON"</h2>
                <p>{format!("Line {line}, column {column}: {words}.")} {not_sent}</p>
                <p><a href="#body">"Go to the body"</a></p>
            </div>
        }
        .into_any(),
        BodyCheck::Differs(faults) => {
            let items = faults.into_iter().map(|fault| {
                view! { <li>
                <code>{fault.field}</code> " " {fault.message}</li> }
            });
            let next = if was_stopped {
                " Send it anyway to see what the receiver makes of it."
            } else {
                ""
            };
            view! {
                <div class="summary warn" id="check" role="alert" tabindex="-1" autofocus>
                    <h2>"It is valid JSON, but not as the schema demands"</h2>
                    <ul>{items.collect_view()}</ul>
                    <p>"A real event like this would be refused." {not_sent} {next}</p>
                </div>
            }
            .into_any()
        }
    }
}

#[component]
fn Result(result: DeliveryPage, body: String, sees_answer: bool) -> impl IntoView {
    let DeliveryPage { delivery, attempts, body: sent, now, .. } = result;
    let last = attempts.last();
    let advice = last.map(|last| diagnose(last.answer, last.detail.as_deref()).both());
    let sentence = last.map(sentence).unwrap_or_else(|| {
        "It is waiting for its turn. Load the page again in a moment.".to_owned()
    });
    // What stands in the form below need not stand here too.
    let other = sent.filter(|sent| *sent != body);
    view! {
        <section class="card trial" id="result" tabindex="-1" autofocus
            aria-labelledby="result-title">
            <h2 id="result-title">"Result"</h2>
            <p><Outcome delivery=delivery.clone()/> " " <b>{sentence}</b> " " {advice}</p>
            <Timeline delivery attempts now may_see=sees_answer/>
            {other.map(|sent| view! {
                <details>
                    <summary>"Body that was sent"</summary>
                    <pre tabindex="0" role="region" aria-label="What was sent">{sent}</pre>
                </details>
            })}
        </section>
    }
}

#[component]
fn History(history: Vec<Delivery>, now: Timestamp) -> impl IntoView {
    if history.is_empty() {
        return view! { <p class="empty">"Nobody tested this hook yet."</p> }.into_any();
    }
    let rows = history.into_iter().map(move |test| {
        let href = format!("/integration/hooks/{}/test?test={}#result", test.hook_id, test.id);
        let answer = test.last_answer.map(|answer| answer.short());
        let took = test.last_duration_ms.map(|took| format!("{took} ms"));
        view! {
            <tr>
                <th scope="row"><a href=href>"Test of " <DateTime at=test.created_at now/></a></th>
                <td data-label="Outcome"><Outcome delivery=test.clone()/></td>
                <td data-label="Answer">{answer}</td>
                <td data-label="Took">{took}</td>
            </tr>
        }
    });
    view! {
        <DataTable label="Last tests" columns=&["Test", "Outcome", "Answer",
            "Took"]>{rows.collect_view()}</DataTable>
    }
    .into_any()
}
