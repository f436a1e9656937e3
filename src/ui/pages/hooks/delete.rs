//! Deleting a hook is asked for on a page of its own, which says what would be lost.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use crate::{
    domain::words::{MANY, grouped},
    rpc::hooks::{Delete, deletion},
    ui::{
        pages::param,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::hooks::HookDeletion,
};

#[component]
pub fn DeleteHookPage() -> impl IntoView {
    view! { <Frame place=Place::Hooks>{loaded(deletion(param("id")),
    |deletion| view! { <Question deletion/> })}</Frame> }
}

#[component]
fn Question(deletion: HookDeletion) -> impl IntoView {
    let HookDeletion { hook, open } = deletion;
    let page = format!("/integration/hooks/{}", hook.id);
    let lost = match open {
        0 => "Nothing is waiting to be delivered to it.".to_owned(),
        1 => "1 delivery that waits will be cancelled.".to_owned(),
        open if open > MANY => {
            format!("More than {} deliveries that wait will be cancelled.", grouped(MANY))
        }
        open => format!("{open} deliveries that wait will be cancelled."),
    };
    view! {
        <Title text=format!("Delete {}", hook.name)/>
        <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a> " › " <a
            href=page.clone()>{hook.name.clone()}</a></p>
        <h1>"Delete " {hook.name} "?"</h1>
        <p>"Nothing more will be sent to " <code>{hook.callback_url}</code> ". " {lost}</p>
        <p>"What was delivered stays in the log. To stop for a while, slide the hook off \
            instead."</p>
        <form class="buttons" method="post" action=Delete::url()>
            <input type="hidden" name="id" value=hook.id.to_string()/>
            <a class="button" href=page autofocus>"Keep hook"</a>
            <button class="danger" type="submit">"Delete hook"</button>
        </form>
    }
}
