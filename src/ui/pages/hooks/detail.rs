//! One hook: its switch, status, charts, recent deliveries, details and the result of a test.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{
    CallbackUrl,
    charts::Charts,
    nav::{HookNav, HookPlace},
    status::StatusPanel,
};
use crate::{
    domain::{
        hook::{Hook, Tuning},
        permission::{Permission, Permissions},
        time::Timestamp,
        tuning::typed,
    },
    rpc::{
        hooks::{Reveal, SendTest, detail},
        session::read_frame,
    },
    ui::{
        pages::{
            deliveries::{DeliveryTable, Outcome, timeline::Timeline},
            param, query,
        },
        widgets::{
            datetime::DateTime,
            definition::Fact,
            form_token::FormToken,
            frame::{Frame, Place},
            loaded::loaded,
            switch::HookSwitch,
        },
    },
    view::{
        deliveries::DeliveryPage,
        hooks::{HookPage as HookData, HookSecrets},
        words::failure::advice,
    },
};

#[component]
pub fn HookPage() -> impl IntoView {
    let page = detail(param("id"), query("test"), query("secrets"), query("range"));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Hooks>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

#[component]
fn Content(page: HookData, permissions: Permissions) -> impl IntoView {
    let HookData { hook, details, pauses_after, charts, recent, secrets, test, now } = page;
    let may_reveal = permissions.has(Permission::SecretsReveal);
    let may_write = permissions.has(Permission::HooksWrite);
    let url = hook.callback_url.clone();
    let sees_log = permissions.has(Permission::DeliveriesRead);
    let (id, subject) = (hook.id.to_string(), hook.clone());
    view! {
        <Title text=hook.name.clone()/>
        <div class="hook stack">
        <p class="crumbs"><a href="/integration/hooks">"Service \
            hooks"</a> " › " {hook.event_type.name()}</p>
        <div class="heading">
            <div>
                <h1>{hook.name.clone()}</h1>
                <p class="lead"><CallbackUrl url/></p>
            </div>
            <Actions hook=hook.clone() permissions/>
        </div>
        <HookNav id=id.clone() place=HookPlace::Overview permissions/>
        <StatusPanel hook=subject data=details pauses_after now/>
        {test.map(|test| view! {
            <section class="card" id="test" tabindex="-1" aria-labelledby="test-title">
                <h2 id="test-title">"Test result"</h2>
                <TestResult test/>
            </section>
        })}
        {secrets.map(|secrets| view! { <Secrets secrets/> })}
        <div class="columns">
            <div class="stack">
            {charts.map(|charts| view! { <Charts id=id.clone() charts/> })}
            <section aria-labelledby="last-title">
                <h2 id="last-title">"Recent deliveries"</h2>
                {if !sees_log {
                    view! { <p>"Your role can't view deliveries."</p> }.into_any()
                } else if recent.is_empty() {
                    view! { <p class="empty">"No deliveries yet. Send a test to check the \
                        receiver."</p> }.into_any()
                } else {
                    view! { <DeliveryTable deliveries=recent now/> }.into_any()
                }}
            </section>
            </div>
            <Facts hook now may_write may_reveal/>
        </div>
        </div>
    }
}

/// The result of the test that was just sent.
#[component]
fn TestResult(test: DeliveryPage) -> impl IntoView {
    let DeliveryPage { delivery, attempts, body, now, .. } = test;
    let next = delivery.last_answer.map(advice);
    let page = format!("/integration/hooks/{}/test", delivery.hook_id);
    view! {
        <p><Outcome delivery=delivery.clone()/> " " {next}</p>
        <Timeline delivery attempts now may_see=true/>
        {match body {
            Some(body) => view! {
                <details>
                    <summary>"Payload sent"</summary>
                    <pre tabindex="0" role="region" aria-label="Payload sent">{body}</pre>
                </details>
            }
            .into_any(),
            None => view! { <p>"Your role can't view event payloads."</p> }.into_any(),
        }}
        <p><a href=page>"Test with your own payload"</a></p>
    }
}

#[component]
fn Actions(hook: Hook, permissions: Permissions) -> impl IntoView {
    let id = hook.id.to_string();
    let schema = format!("/integration/events/{}/schema.json", hook.event_type.key());
    let may_write = permissions.has(Permission::HooksWrite);
    let state = if hook.enabled { "On" } else { "Off" };
    view! {
        <div class="buttons">
            {if may_write {
                view! { <HookSwitch id=id.clone() label=format!("{} turned on", hook.name)
                    on=hook.enabled/> }.into_any()
            } else {
                view! { <span>{state}</span> }.into_any()
            }}
            <a class="button" href=schema download>"Download JSON Schema"</a>
            {permissions.has(Permission::HooksTest).then(|| view! {
                <form method="post" action=SendTest::url()>
                    <input type="hidden" name="id" value=id/>
                    <FormToken/>
                    <button class="primary" type="submit">"Send test"</button>
                </form>
            })}
        </div>
    }
}

#[component]
fn Facts(hook: Hook, now: Timestamp, may_write: bool, may_reveal: bool) -> impl IntoView {
    let page = format!("/integration/hooks/{}", hook.id);
    let event = format!("/integration/events/{}", hook.event_type.key());
    let id = hook.id;
    view! {
        <section class="card facts" aria-labelledby="facts-title">
            <h2 id="facts-title">"Details"</h2>
            <dl>
                <Fact term="Event"><a href=event><code>{hook.event_type.key()}</code></a></Fact>
                <Fact term="API key"><code>{hook.api_key_hint}</code></Fact>
                <Fact term="Signature">"Standard Webhooks"</Fact>
                {tuning_facts(&hook.tuning)}
                <Fact term="ID"><code>{id.to_string()}</code></Fact>
                <Fact term="Created"><DateTime at=hook.created_at now/></Fact>
                <Fact term="Updated"><DateTime at=hook.updated_at now/></Fact>
            </dl>
            {may_reveal
                .then(|| {
                    view! {
                        <form method="post" action=Reveal::url()>
                            <input type="hidden" name="id" value=id.to_string()/>
                            <button type="submit">"Show API key and signing secret"</button>
                        </form>
                    }
                })}
            {may_write.then(|| view! {
                <p class="links">
                    <a href=format!("{page}/settings")>"Edit"</a>
                    <a href=format!("/integration/hooks/new?clone={id}")>"Clone"</a>
                    <a class="bad" href=format!("{page}/delete")>"Delete"</a>
                </p>
            })}
        </section>
    }
}

/// The delivery settings that override the server default.
fn tuning_facts(tuning: &Tuning) -> impl IntoView {
    let settings = typed(tuning);
    let own = settings.fields().into_iter().filter(|field| !field.value.is_empty());
    let own = own.map(|field| (field.label, field.value.to_owned()));
    own.map(|(term, value)| view! { <Fact term>{value}</Fact> }).collect_view()
}

/// The API key and the signing secret, shown once.
#[component]
fn Secrets(secrets: HookSecrets) -> impl IntoView {
    view! {
        <section class="card secrets" id="secrets" tabindex="-1" aria-labelledby="secrets-title">
            <h2 id="secrets-title">"Secrets"</h2>
            <p>"Share these only with the receiver. This view is recorded in the audit log."</p>
            <dl>
                <Fact term="API key (x-api-key)"><code>{secrets.api_key}</code></Fact>
                <Fact term="Signing secret"><code>{secrets.signing_secret}</code></Fact>
            </dl>
        </section>
    }
}
