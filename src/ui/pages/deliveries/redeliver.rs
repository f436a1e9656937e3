//! The page that asks before a redelivery: what will be sent, and where.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    domain::{redelivery::Act, words::count},
    rpc::deliveries::{Redeliver, RedeliverMany, ask_redeliver},
    ui::{
        pages::{param, query},
        widgets::{
            form_token::FormToken,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{
        deliveries::{Redelivery, RedeliveryGroup},
        words::deliveries as words,
    },
};

/// Of a single delivery.
#[component]
pub fn RedeliverPage() -> impl IntoView {
    let read = ask_redeliver(vec![param("delivery")], String::new());
    view! { <Frame place=Place::Deliveries>{loaded(read,
    |asked| view! { <Question asked/> })}</Frame> }
}

/// Of the deliveries selected in the log.
#[component]
pub fn RedeliverSelectedPage() -> impl IntoView {
    let ids = use_query_map().read_untracked().get_all("id").unwrap_or_default();
    let back = query("back");
    let back = if back.is_empty() { "/integration/deliveries".to_owned() } else { back };
    let read = ask_redeliver(ids, back);
    view! { <Frame place=Place::Deliveries>{loaded(read,
    |asked| view! { <Question asked/> })}</Frame> }
}

/// What will be sent and where, what is left out, and the form.
#[component]
fn Question(asked: Redelivery) -> impl IntoView {
    let Redelivery { ids, groups, refused, event, old_url, back, again, now } = asked;
    let many = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let title = words::send_title(again, now, !refused.is_empty());
    let button = if again == 0 { words::act(Act::TryNow) } else { words::act(Act::Redeliver) };
    let is_one = many == 1;
    let moved = old_url.filter(|old| is_one && groups.iter().any(|group| group.url != *old));
    view! {
        <Title text=title.clone()/>
        <p class="crumbs"><a href=back.clone()>"Back"</a></p>
        <h1>{title}</h1>
        {groups.into_iter().map(|group| view! { <Group group is_one/> }).collect_view()}
        {event.filter(|_| is_one).map(|event| view! {
            <p>"The webhook-id stays the same: " <code>{event}</code> ". Receivers can use it to \
                ignore duplicates."</p>
        })}
        {(many > 1).then(|| view! { <p>"Each event keeps its webhook-id. Receivers can use \
                                        it to ignore duplicates."</p> })}
        {moved.map(|old| view! { <p class="panel warn">"The callback URL has changed. The last \
            attempt went to " <code>{old}</code> "."</p> })}
        {refused.into_iter().map(|(reason, number)| view! { <p
            class="panel">{words::left_out(number, &reason)}</p> }).collect_view()}
        {if many == 0 {
            view! { <p><a class="button" href=back>"Back"</a></p> }.into_any()
        } else {
            view! { <Answer ids back is_one button/> }.into_any()
        }}
    }
}

/// The deliveries of one hook, with the current URL and key of that hook.
#[component]
fn Group(group: RedeliveryGroup, is_one: bool) -> impl IntoView {
    let page = format!("/integration/hooks/{}", group.id);
    let what = if is_one { "The event".to_owned() } else { count(group.count, "event") };
    let waiting = if group.act == Act::TryNow { " waiting for an attempt" } else { "" };
    view! {
        <p>{what} {waiting} " will be sent unchanged to " <code>{group.url}</code> " (hook " <a
            href=page>{group.name}</a> ") with its current API key " <code>{group.key_hint}</code>
            "."</p>
        {(!group.enabled).then(|| view! { <p class="panel warn">"The hook is off. Redeliveries \
            are held until you turn it on."</p> })}
    }
}

/// Cancel or redeliver. Cancel has the focus, because it is the safe choice.
#[component]
fn Answer(ids: Vec<String>, back: String, is_one: bool, button: &'static str) -> impl IntoView {
    let cancel = view! { <a class="button" href=back.clone() autofocus>"Cancel"</a> };
    if is_one {
        let id = ids.into_iter().next().unwrap_or_default();
        return view! {
            <form class="buttons" method="post" action=Redeliver::url()>
                <input type="hidden" name="id" value=id/>
                <FormToken/>
                {cancel}
                <button class="primary" type="submit">{button}</button>
            </form>
        }
        .into_any();
    }
    let hidden = ids.into_iter().map(|id| view! { <input type="hidden" name="ids[]" value=id/> });
    view! {
        <form class="buttons" method="post" action=RedeliverMany::url()>
            {hidden.collect_view()}
            <input type="hidden" name="back" value=back/>
            {cancel}
            <button class="primary" type="submit">{button}</button>
        </form>
    }
    .into_any()
}
