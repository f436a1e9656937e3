//! The page that asks before a hook is deleted. It says which deliveries will be cancelled.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use crate::{
    rpc::hooks::{Delete, deletion},
    ui::{
        pages::param,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{hooks::HookDeletion, words::hooks::cancelled_by_deletion},
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
    view! {
        <Title text=format!("Delete {}", hook.name)/>
        <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a> " › " <a
            href=page.clone()>{hook.name.clone()}</a></p>
        <h1>"Delete " {hook.name} "?"</h1>
        <p>"Events will no longer be sent to " <code>{hook.callback_url}</code> ". "
            {cancelled_by_deletion(open)}</p>
        <p>"Past deliveries stay in the log. To stop deliveries for a while, turn the hook off \
            instead."</p>
        <form class="buttons" method="post" action=Delete::url()>
            <input type="hidden" name="id" value=hook.id.to_string()/>
            <a class="button" href=page autofocus>"Keep hook"</a>
            <button class="danger" type="submit">"Delete hook"</button>
        </form>
    }
}
