//! The page that asks before undelivered events are dismissed: how many, and why.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use crate::{
    domain::{dismissal::MAX_REASON, log::AnswerGroup},
    rpc::dismissals::{Dismiss, ask_dismiss},
    ui::{
        pages::{param, query},
        widgets::{
            field::{Description, Field},
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{inbox::DismissQuestion, words::inbox as words},
};

#[component]
pub fn DismissPage() -> impl IntoView {
    let read = ask_dismiss(param("id"), query("state"), query("answer"), query("draft"));
    view! { <Frame place=Place::Undelivered>{loaded(read,
    |asked| view! { <Question asked/> })}</Frame> }
}

#[component]
fn Question(asked: DismissQuestion) -> impl IntoView {
    let DismissQuestion { hook, name, is_on, state, answer, count, is_more, .. } = asked;
    let (until, reason, errors) = (asked.until, asked.reason, asked.errors);
    let title = words::dismiss_title(count, is_more);
    let cause = words::cause(state, answer, is_on);
    let error = errors.message("reason").map(str::to_owned);
    let described = Description::of("reason", true, error.is_some());
    view! {
        <Title text=title.clone()/>
        <p class="crumbs"><a href="/integration/undelivered">"Undelivered"</a></p>
        <h1>{title}</h1>
        <p>"Hook " <a href=format!("/integration/hooks/{hook}")>{name}</a> ". " {cause} "."</p>
        {if count == 0 {
            view! { <p>"These events were sent, redelivered or dismissed meanwhile."</p> <p><a
                class="button" href="/integration/undelivered">"Back"</a></p> }.into_any()
        } else {
            view! {
                <p>{words::dismissing(state)} <a
                    href="/integration/dismissed">"Dismissed"</a> "."</p>
                <form class="stack narrow" method="post" action=Dismiss::url()>
                    <input type="hidden" name="id" value=hook/>
                    <input type="hidden" name="state" value=state.key()/>
                    <input type="hidden" name="answer"
                        value=answer.map(AnswerGroup::key).unwrap_or_default()/>
                    <input type="hidden" name="until" value=until.rfc3339()/>
                    <Field name="reason" label="Reason" hint="For example: the customers were \
                        called back." error>
                        <input id="reason" name="reason" type="text" required maxlength=MAX_REASON
                            value=reason aria-describedby=described.described_by
                            aria-invalid=described.invalid autofocus/>
                    </Field>
                    <div class="buttons">
                        <a class="button" href="/integration/undelivered">"Cancel"</a>
                        <button class="primary" type="submit">{words::dismiss(count)}</button>
                    </div>
                </form>
            }.into_any()
        }}
    }
}
