//! The page that asks before all hooks that match a filter are turned on or off.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use crate::{
    rpc::hooks::{SetEnabledMatching, matching},
    ui::{
        pages::query,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{hooks::SwitchMatching, words::hooks as words},
};

#[component]
pub fn SwitchMatchingPage() -> impl IntoView {
    let read = matching(query("q"), query("status"), query("enabled"));
    view! { <Frame place=Place::Hooks>{loaded(read, |asked| view! { <Question asked/> })}</Frame> }
}

#[component]
fn Question(asked: SwitchMatching) -> impl IntoView {
    let SwitchMatching { query, enabled, names } = asked;
    let back = query.address();
    let number = names.len();
    let title = words::switch_matching(number, enabled);
    let names = names.into_iter().map(|name| view! { <li>{name}</li> });
    let what_happens = if enabled {
        "New events are sent to them from now on."
    } else {
        "Their new events are skipped. They can be redelivered later."
    };
    view! {
        <Title text=format!("{title}?")/>
        <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a></p>
        <h1>{title.clone()} "?"</h1>
        {if number == 0 {
            view! {
                <p>"Nothing to change: every hook that matches is already "
                    {words::on_or_off(enabled)} "."</p>
                <p><a class="button" href=back>"Back"</a></p>
            }
            .into_any()
        } else {
            view! {
                <p>{what_happens}</p>
                <ul class="switched">{names.collect_view()}</ul>
                <form class="buttons" method="post" action=SetEnabledMatching::url()>
                    <input type="hidden" name="q" value=query.text.clone()/>
                    <input type="hidden" name="status" value=query.status.key()/>
                    <input type="hidden" name="enabled" value=enabled.to_string()/>
                    <a class="button" href=back autofocus>"Cancel"</a>
                    <button class="primary" type="submit">"Turn " {words::on_or_off(enabled)}
                        </button>
                </form>
            }
            .into_any()
        }}
    }
}
