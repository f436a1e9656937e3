//! One hook: its switch, status, charts, recent deliveries, details and the result of a test.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{
    charts::{Charts, WhyItFails},
    header::HookHeader,
    nav::HookPlace,
    waiting::WaitingOffer,
};
use crate::{
    domain::{
        address::address,
        hook::{Hook, Tuning},
        permission::{Permission, Permissions},
        time::{Timestamp, readable_duration},
        tuning::typed,
        words::grouped,
    },
    rpc::{
        hooks::{Reveal, detail},
        session::read_frame,
    },
    ui::{
        pages::{
            deliveries::{DeliveryTable, Outcome, timeline::Timeline},
            param, query,
        },
        widgets::{
            badge::Tone,
            copy::CopyButton,
            datetime::{DateTime, readers_clock},
            definition::Fact,
            frame::{Frame, Place},
            loaded::loaded,
            tile::{Tile, Tiles},
        },
    },
    view::{
        deliveries::DeliveryPage,
        hooks::{Charts as ChartData, HookPage as HookData, HookSecrets, StatusDetails},
        words::{failure::advice, hooks as words},
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
    let HookData {
        hook,
        details,
        last_attempt,
        last_success,
        charts,
        recent,
        secrets,
        test,
        waiting,
        now,
    } = page;
    let may_reveal = permissions.has(Permission::SecretsReveal);
    let may_write = permissions.has(Permission::HooksWrite);
    let sees_log = permissions.has(Permission::DeliveriesRead);
    let id = hook.id.to_string();
    let last = LastTimes { attempt: last_attempt, success: last_success };
    let failures = charts.clone().filter(|charts| !charts.failures.is_empty());
    view! {
        <Title text=hook.name.clone()/>
        <div class="hook stack">
        <HookHeader id=id.clone() place=HookPlace::Overview permissions/>
        {test.map(|test| view! {
            <section class="card" id="test" tabindex="-1" aria-labelledby="test-title">
                <h2 id="test-title">"Test result"</h2>
                <TestResult test/>
                <WaitingOffer waiting/>
            </section>
        })}
        {secrets.map(|secrets| view! { <Secrets secrets/> })}
        {charts.clone().map(|charts| view! { <HookTiles id=id.clone() details charts last now/> })}
        <div class="columns">
            <div class="stack">
            {charts.map(|charts| view! { <Charts id=id.clone() charts/> })}
            <section aria-labelledby="last-title" id="live-recent" data-live="">
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
            <div class="stack">
            {failures.map(|charts| view! { <WhyItFails id charts/> })}
            <Facts hook now may_write may_reveal/>
            </div>
        </div>
        </div>
    }
}

#[derive(Clone, Copy)]
struct LastTimes {
    attempt: Option<Timestamp>,
    success: Option<Timestamp>,
}

#[component]
fn HookTiles(
    id: String,
    details: StatusDetails,
    charts: ChartData,
    last: LastTimes,
    now: Timestamp,
) -> impl IntoView {
    let held = address(&format!("/integration/hooks/{id}/deliveries"), &[("state", "held")]);
    let took = match charts.p50.zip(charts.p95) {
        Some((p50, p95)) => format!("{} / {} ms", grouped(p50), grouped(p95)),
        None => "–".to_owned(),
    };
    let oldest =
        details.held_since.map(|at| format!("oldest {}", readable_duration(at.until(now))));
    let tone = if details.held > 0 { Tone::Warning } else { Tone::Neutral };
    let clock = readers_clock();
    let ago = |at: Timestamp| at.relative_to(now).unwrap_or_else(|| clock.date(at));
    let attempt = last.attempt.map(|at| format!("last attempt {}", ago(at)));
    let success = last.success.map_or("–".to_owned(), ago);
    view! {
        <Tiles label="This hook">
            <Tile id="live-rate" label=format!("Success rate, {}", charts.range.words())
                figure=words::success_rate(&charts.outcomes)
                note=words::brief_share(&charts.outcomes)/>
            <Tile id="live-took" label=format!("Median / p95, {}", charts.range.words())
                figure=took/>
            <Tile id="live-held" label="Held" figure=words::up_to_many(details.held)
                note=oldest.unwrap_or_default() tone href=Some(held)/>
            <Tile id="live-last" label="Last success" figure=success
                note=attempt.unwrap_or_default()/>
        </Tiles>
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
                <Fact term="ID"><code id="hook-id">{id.to_string()}</code> " " <CopyButton
                    from="hook-id".to_owned() label="Copy ID".to_owned()/></Fact>
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
                <Fact term="API key (x-api-key)"><code id="api-key">{secrets.api_key}</code> " "
                    <CopyButton from="api-key".to_owned() label="Copy key".to_owned()/></Fact>
                <Fact term="Signing secret"><code id="signing-secret">{secrets
                    .signing_secret}</code> " " <CopyButton from="signing-secret".to_owned()
                        label="Copy secret".to_owned()/></Fact>
            </dl>
        </section>
    }
}
