//! Sending a test with an edited payload: choose a starting point, edit, check, send and see the
//! result. Start at [`Content`].

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{header::HookHeader, nav::HookPlace, waiting::WaitingOffer};
use crate::{
    domain::{
        contract::BodyCheck, delivery::Delivery, hook::Hook, permission::Permissions,
        time::Timestamp,
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
            form_token::FormToken,
            frame::{Frame, Place},
            loaded::loaded,
            table::DataTable,
            text_area::TextArea,
        },
    },
    view::{
        deliveries::DeliveryPage,
        hooks::SendWaiting,
        test_send::{Origin, TestPage as TestData},
        words::{failure::diagnose, test_send as words},
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
        waiting,
        sees_answer,
        history,
        now,
    } = page;
    let title = if was_stopped {
        format!("Error: Test – {}", hook.name)
    } else {
        format!("Test – {}", hook.name)
    };
    let id = hook.id.to_string();
    let differs = matches!(checked, Some(BodyCheck::SchemaMismatch(_)));
    let error = checked
        .as_ref()
        .filter(|checked| **checked != BodyCheck::Valid)
        .map(|_| "Fix the errors listed beside it.".to_owned());
    let (has_answer, sent) = (checked.is_some() || result.is_some(), body.clone());
    let snippets = format!("/integration/events/{}?hook={id}#receive", hook.event_type.key());
    view! {
        <Title text=title/>
        <div class="stack test">
            <HookHeader id=id.clone() place=HookPlace::Test permissions/>
            <div class="test-columns">
            <section class="stack tight" aria-labelledby="body-title">
                <h2 id="body-title">"Test payload"</h2>
                <About hook=hook.clone()/>
                <Samples id=id.clone() origin may_use_last has_no_last/>
                <form class="stack editor" method="post" action=SendBody::url()>
                    <input type="hidden" name="id" value=id/>
                    <FormToken/>
                    <TextArea name="body" label="Payload" value=body rows=16 error
                        hint="JSON. Sent exactly as shown, with this hook's key and signature."/>
                    <div class="buttons">
                        <button class="primary" type="submit">"Send test"</button>
                        <button type="submit" formaction=CheckBody::url()>"Check"</button>
                        {differs.then(|| view! { <button type="submit" name="anyway"
                            value="true">"Send anyway"</button> })}
                    </div>
                </form>
            </section>
            {has_answer.then(|| view! {
                <div class="stack answer">
                    {checked.map(|checked| view! { <Checked checked was_stopped/> })}
                    {result.map(|result| view! { <Result result waiting
                        body=sent sees_answer/> })}
                </div>
            })}
            </div>
            <section class="stack tight" id="live-tests" data-live=""
                aria-labelledby="history-title">
                <h2 id="history-title">"Recent tests"</h2>
                <History history now/>
            </section>
            <p>"No receiver yet? " <a href=snippets>"Start from sample code"</a> "."</p>
        </div>
    }
}

/// Where a test is sent. A hook that is off can be tested too.
#[component]
fn About(hook: Hook) -> impl IntoView {
    view! {
        <p>
            "A test is sent once to " <code>{hook.callback_url}</code> " with the header "
            <code>"x-service-hook-test: true"</code> ". A failed test doesn't affect the hook's \
                health."
            {(!hook.enabled).then_some(" The hook is off: only tests are sent.")}
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
        <nav aria-label="Start from">
            <ul class="choices">
                {link(Origin::Sample, "example", "Sample payload")}
                {may_use_last.then(|| link(Origin::LastEvent, "last", "Last event, masked"))}
                {(origin == Origin::Typed).then(|| view! { <li><span>"Your \
                    payload"</span></li> })}
            </ul>
        </nav>
        {(origin == Origin::LastEvent).then(|| view! {
            <p class="hint" id="masked">"Personal data is masked: names, phone numbers, email \
                addresses, customer IDs and notes. Fields that aren't in the schema are left \
                out."</p>
        })}
        {has_no_last.then(|| view! { <p class="hint">"No event yet for this hook, or its payload \
            is no longer stored. This is the sample payload."</p> })}
    }
}

#[component]
fn Checked(checked: BodyCheck, was_stopped: bool) -> impl IntoView {
    let not_sent = was_stopped.then_some(" The test was not sent.");
    match checked {
        BodyCheck::Valid => view! {
            <p class="notice ok" id="check" role="status">"✓ Valid: the payload matches the \
                schema. It hasn't been sent."</p>
        }
        .into_any(),
        BodyCheck::NotJson { line, column, words } => view! {
            <div class="summary" id="check" role="alert" tabindex="-1" autofocus>
                <h2>"Invalid JSON"</h2>
                <p>{format!("Line {line}, column {column}: {words}.")} {not_sent}</p>
                <p><a href="#body">"Go to the payload"</a></p>
            </div>
        }
        .into_any(),
        BodyCheck::SchemaMismatch(faults) => {
            let items = faults.into_iter().map(|fault| {
                view! { <li>
                <code>{fault.field}</code> " " {fault.message}</li> }
            });
            let next =
                if was_stopped { " Send it anyway to see how the receiver responds." } else { "" };
            view! {
                <div class="summary warn" id="check" role="alert" tabindex="-1" autofocus>
                    <h2>"JSON doesn't match the schema"</h2>
                    <ul>{items.collect_view()}</ul>
                    <p>"The API would reject an event with this payload." {not_sent} {next}</p>
                </div>
            }
            .into_any()
        }
    }
}

#[component]
fn Result(
    result: DeliveryPage,
    waiting: Option<SendWaiting>,
    body: String,
    sees_answer: bool,
) -> impl IntoView {
    let DeliveryPage { delivery, attempts, body: sent, now, .. } = result;
    let last = attempts.last();
    let advice = last.map(|last| diagnose(last.answer, last.detail.as_deref()).both());
    let sentence = last.map_or_else(|| words::QUEUED.to_owned(), words::result);
    // A payload that is equal to the one in the form below is not repeated here.
    let other = sent.filter(|sent| *sent != body);
    view! {
        <section class="card trial" id="result" tabindex="-1" autofocus
            aria-labelledby="result-title">
            <h2 id="result-title">"Result"</h2>
            <p><Outcome delivery=delivery.clone()/> " " <b>{sentence}</b> " " {advice}</p>
            <WaitingOffer waiting/>
            <Timeline delivery attempts now may_see=sees_answer/>
            {other.map(|sent| view! {
                <details>
                    <summary>"Payload sent"</summary>
                    <pre tabindex="0" role="region" aria-label="Payload sent">{sent}</pre>
                </details>
            })}
        </section>
    }
}

#[component]
fn History(history: Vec<Delivery>, now: Timestamp) -> impl IntoView {
    if history.is_empty() {
        return view! { <p class="empty">"No tests yet."</p> }.into_any();
    }
    let rows = history.into_iter().map(move |test| {
        let href = format!("/integration/hooks/{}/test?test={}#result", test.hook_id, test.id);
        let answer = test.last_answer.map(|answer| answer.short());
        let took = test.last_duration_ms.map(|took| format!("{took} ms"));
        view! {
            <tr>
                <th scope="row"><a href=href><DateTime at=test.created_at now/></a></th>
                <td data-label="Status"><Outcome delivery=test.clone()/></td>
                <td data-label="Response">{answer}</td>
                <td data-label="Duration">{took}</td>
            </tr>
        }
    });
    view! {
        <DataTable label="Recent tests" columns=&["Sent", "Status", "Response",
            "Duration"]>{rows.collect_view()}</DataTable>
    }
    .into_any()
}
