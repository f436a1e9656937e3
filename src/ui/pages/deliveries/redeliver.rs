//! Sending deliveries again is asked for on a page of its own, which says exactly what would be
//! sent, and where.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    domain::words::deliveries,
    rpc::deliveries::{Redeliver, RedeliverMany, ask_redeliver},
    ui::{
        pages::{param, query},
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::deliveries::{Redelivery, RedeliveryGroup},
};

/// Of one delivery.
#[component]
pub fn RedeliverPage() -> impl IntoView {
    let read = ask_redeliver(vec![param("delivery")], String::new());
    view! { <Frame place=Place::Deliveries>{loaded(read,
    |asked| view! { <Question asked/> })}</Frame> }
}

/// Of those that were picked in the log.
#[component]
pub fn RedeliverSelectedPage() -> impl IntoView {
    let ids = use_query_map().read_untracked().get_all("id").unwrap_or_default();
    let back = query("back");
    let back = if back.is_empty() { "/integration/deliveries".to_owned() } else { back };
    let read = ask_redeliver(ids, back);
    view! { <Frame place=Place::Deliveries>{loaded(read,
    |asked| view! { <Question asked/> })}</Frame> }
}

#[component]
fn Question(asked: Redelivery) -> impl IntoView {
    let Redelivery { ids, groups, refused, event, old_url, back } = asked;
    let many = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let title = match (many, refused.is_empty()) {
        (0, true) => "Nothing was selected".to_owned(),
        (0, false) => "Nothing can be sent again".to_owned(),
        (1, _) => "Send this delivery again?".to_owned(),
        _ => format!("Send {} deliveries again?", crate::domain::words::grouped(many)),
    };
    let is_one = many == 1;
    let moved = old_url.filter(|old| is_one && groups.iter().any(|group| group.url != *old));
    view! {
        <Title text=title.clone()/>
        <p class="crumbs"><a href=back.clone()>"Back to where you were"</a></p>
        <h1>{title}</h1>
        {groups.into_iter().map(|group| view! { <Group group is_one/> }).collect_view()}
        {event.filter(|_| is_one).map(|event| view! {
            <p>"It carries the same webhook-id, " <code>{event}</code> ": a receiver that got it \
                before sees a repeat and can tell by that."</p>
        })}
        {(many > 1).then(|| view! { <p>"Each carries the webhook-id it had: a receiver that got \
                                        one before sees a repeat and can tell by that."</p> })}
        {moved.map(|old| view! { <p class="panel warn">"It was sent \
            to " <code>{old}</code> " before. The hook leads elsewhere now, and there it \
                                     goes."</p> })}
        {refused.into_iter().map(|(reason, number)| view! { <p
            class="panel">{deliveries(number)} " will not be sent. " {reason}</p> }).collect_view()}
        {if many == 0 {
            view! { <p><a class="button" href=back>"Go back"</a></p> }.into_any()
        } else {
            view! { <Answer ids back is_one/> }.into_any()
        }}
    }
}

#[component]
fn Group(group: RedeliveryGroup, is_one: bool) -> impl IntoView {
    let page = format!("/integration/hooks/{}", group.id);
    let what = match (is_one, group.count) {
        (true, _) => "The original body goes".to_owned(),
        (false, 1) => "1 original body goes".to_owned(),
        (false, count) => format!("{} original bodies go", crate::domain::words::grouped(count)),
    };
    view! {
        <p>{what} " to " <code>{group.url}</code> " of " <a href=page>{group.name}</a> ", with its \
            current key " <code>{group.key_hint}</code> "."</p>
        {(!group.enabled).then(|| view! { <p class="panel warn">"That hook is off: what is sent \
            again is held until it is switched on."</p> })}
    }
}

#[component]
fn Answer(ids: Vec<String>, back: String, is_one: bool) -> impl IntoView {
    let keep = view! { <a class="button" href=back.clone() autofocus>"Do not send"</a> };
    if is_one {
        let id = ids.into_iter().next().unwrap_or_default();
        return view! {
            <form class="buttons" method="post" action=Redeliver::url()>
                <input type="hidden" name="id" value=id/>
                {keep}
                <button class="primary" type="submit">"Redeliver"</button>
            </form>
        }
        .into_any();
    }
    let hidden = ids.into_iter().map(|id| view! { <input type="hidden" name="ids[]" value=id/> });
    view! {
        <form class="buttons" method="post" action=RedeliverMany::url()>
            {hidden.collect_view()}
            <input type="hidden" name="back" value=back/>
            {keep}
            <button class="primary" type="submit">"Redeliver"</button>
        </form>
    }
    .into_any()
}
