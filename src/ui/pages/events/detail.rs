//! The page of an event type: when it is sent, its fields and schema versions, and sample code to
//! receive it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    contract::{Fields, Versions},
    receive::{Headers, Receiver},
};
use crate::{
    domain::{
        event::EventType,
        hook::Hook,
        permission::{Permission, Permissions},
        retry::plan_in_words,
        time::readable_duration,
    },
    rpc::{events::detail, session::read_frame},
    ui::{
        pages::{param, query},
        widgets::{
            copy::CopyButton,
            empty::Empty,
            frame::{Frame, Place},
            icon::{Icon, IconName},
            loaded::loaded,
        },
    },
    view::{events::EventPage as EventData, words::events as words},
};

/// The page of an event type.
#[component]
pub fn EventPage() -> impl IntoView {
    let (key, lang, hook) = (param("key"), query("lang"), query("hook"));
    let read = async { Ok((detail(key, lang, hook).await?, read_frame().await?.permissions)) };
    view! { <Frame place=Place::Events>{loaded(read,
    |(page, permissions)| view! { <Content page permissions/> })}</Frame> }
}

/// Id and name of each section, for the links at the top. The ids are also targets of other pages.
const PARTS: &[(&str, &str)] = &[
    ("fields", "Fields"),
    ("sample", "Sample"),
    ("schema", "JSON Schema"),
    ("versions", "Versions"),
    ("receive", "Sample receiver"),
    ("headers", "Headers"),
    ("retries", "Retries"),
    ("hooks", "Hooks"),
];

#[component]
fn Content(page: EventData, permissions: Permissions) -> impl IntoView {
    let EventData {
        event,
        fields,
        sample,
        schema,
        versions,
        snippet,
        hook,
        hooks,
        unheard,
        retries,
        timeout,
    } = page;
    let parts =
        PARTS.iter().map(|(id, name)| view! { <li><a href=format!("#{id}")>{*name}</a></li> });
    let base = format!("/integration/events/{}", event.key());
    let create = permissions
        .has(Permission::HooksWrite)
        .then(|| format!("/integration/hooks/new?event={}", event.key()));
    view! {
        <Title text=event.name()/>
        <div class="event stack">
            <p class="crumbs"><a href="/integration/events">"Event catalogue"</a></p>
            <Heading event may_write=permissions.has(Permission::HooksWrite)/>
            <nav aria-label="On this page"><ul class="parts">{parts.collect_view()}</ul></nav>
            <section aria-labelledby="when">
                <h2 id="when">"When it is sent"</h2>
                <p>"Sent when " {event.when()} ". " {event.when_not()}</p>
                <p>"It is sent to every hook for this event that is turned on. Failed \
                    deliveries are retried. Expect duplicates and out-of-order events. While a \
                    hook is off, its events are skipped."</p>
            </section>
            <section aria-labelledby="fields"><h2
                id="fields">"Fields"</h2><Fields fields/></section>
            <section aria-labelledby="sample">
                <h2 id="sample">"Sample"</h2>
                <pre id="sample-text" tabindex="0" role="region"
                    aria-label="Sample payload">{sample}</pre>
                <p class="buttons">
                    <a class="button" href=format!("{base}/sample.json") download><Icon
                        name=IconName::Download/>"Download sample"</a>
                    <CopyButton from="sample-text".to_owned() label="Copy sample".to_owned()/>
                </p>
            </section>
            <section aria-labelledby="schema">
                <h2 id="schema">"JSON Schema"</h2>
                <p>
                    "Download as draft " <a
                        href=format!("{base}/schema.json") download>"2020-12"</a> " or "
                    <a href=format!("{base}/schema.json?draft=07") download>"draft-07"</a>
                    ". Receivers must accept additional fields: they can be added at any time."
                </p>
                <details>
                    <summary>"Show schema"</summary>
                    <pre id="schema-text" tabindex="0" role="region"
                        aria-label="JSON Schema">{schema}</pre>
                    <CopyButton from="schema-text".to_owned() label="Copy schema".to_owned()/>
                </details>
            </section>
            <section aria-labelledby="versions"><h2
                id="versions">"Versions"</h2><Versions event versions/></section>
            <Receiver event snippet hook/>
            <section aria-labelledby="headers"><h2 id="headers">"Headers sent with every \
                delivery"</h2><Headers event/></section>
            <section aria-labelledby="retries">
                <h2 id="retries">"Retries"</h2>
                <p>"A delivery succeeds when the receiver responds with 2xx \
                    within " {readable_duration(timeout)} ". " {plan_in_words(&retries)}</p>
                <p>"429 and 503 with Retry-After delay the next attempt as requested. 410 \
                    turns the hook off. Each hook can have its own retry schedule in its \
                    settings."</p>
            </section>
            <section aria-labelledby="hooks"><h2
                id="hooks">"Hooks for this event"</h2>
                <p id="live-unheard" class="warning" data-live="">{words::unheard(unheard)}</p>
                <Hooks hooks create/></section>
        </div>
    }
}

/// Name, key, schema download and the link to create a hook.
#[component]
fn Heading(event: EventType, may_write: bool) -> impl IntoView {
    let schema = format!("/integration/events/{}/schema.json", event.key());
    view! {
        <div class="heading">
            <div>
                <h1>{event.name()}</h1>
                <p class="lead"><code>{event.key()}</code></p>
            </div>
            <div class="buttons">
                <a class="button" href=schema download><Icon
                    name=IconName::Download/>"Download JSON Schema"</a>
                {may_write.then(|| view! {
                    <a class="button primary" href=format!("/integration/hooks/new?event={}",
                        event.key())>"Create hook for this event"</a>
                })}
            </div>
        </div>
    }
}

/// The hooks for this event and their switches. `create` is the form for the first one, for those
/// who may fill it in.
#[component]
fn Hooks(hooks: Vec<Hook>, create: Option<String>) -> impl IntoView {
    if hooks.is_empty() {
        return view! {
            <Empty icon=IconName::Hook text="No hooks for this event yet.">
                {create.map(|href| view! { <a class="button" href=href>"Create hook"</a> })}
            </Empty>
        }
        .into_any();
    }
    let items = hooks.into_iter().map(|hook| {
        let state = if hook.enabled { "on" } else { "off" };
        view! { <li><a href=format!("/integration/hooks/{}",
        hook.id)>{hook.name}</a> ", " {state}</li> }
    });
    view! { <ul class="plain">{items.collect_view()}</ul> }.into_any()
}
