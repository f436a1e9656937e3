//! The head of all pages of one hook: its name, URL and switch, the tabs, and its status in a
//! sentence with the button that helps.

use leptos::{prelude::*, server_fn::ServerFn};

use super::{
    CallbackUrl,
    nav::{HookNav, HookPlace},
    status::StatusPanel,
};
use crate::{
    domain::{
        hook::Hook,
        hook_status::HookStatus,
        permission::{Permission, Permissions},
    },
    rpc::hooks::{SendTest, SetEnabled, TryNow, head},
    ui::widgets::{
        copy::CopyButton,
        form_token::FormToken,
        icon::{Icon, IconName},
        loaded::loaded,
        switch::HookSwitch,
    },
    view::hooks::HookHead,
};

/// Reads the hook itself. A reader who may not see hooks gets only the tabs.
#[component]
pub fn HookHeader(id: String, place: HookPlace, permissions: Permissions) -> impl IntoView {
    loaded(head(id.clone()), move |found| match found {
        Some(head) => view! { <Head head place permissions/> }.into_any(),
        None => view! { <h1>"Hook"</h1> <HookNav id place permissions/> }.into_any(),
    })
}

#[component]
fn Head(head: HookHead, place: HookPlace, permissions: Permissions) -> impl IntoView {
    let HookHead { hook, details, pauses_after, tested, now } = head;
    let event = format!("/integration/events/{}", hook.event_type.key());
    let (id, subject, status) = (hook.id.to_string(), hook.clone(), details.status);
    view! {
        <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a> " › " <a
            href=event>{hook.event_type.name()}</a></p>
        <div class="heading" id="live-head" data-live="">
            <div>
                <h1>{hook.name.clone()}</h1>
                <p class="lead target"><span class="faint">"POST"</span> " " <span
                    id="callback-url"><CallbackUrl url=hook.callback_url.clone()/></span> " "
                    <CopyButton from="callback-url".to_owned()
                        label="Copy URL".to_owned()/></p>
            </div>
            <Actions hook=hook.clone() place permissions/>
        </div>
        <HookNav id=id.clone() place permissions/>
        <StatusPanel hook=subject data=details pauses_after tested now>
            <Help id status permissions/>
        </StatusPanel>
    }
}

/// The one button that helps in this status.
#[component]
fn Help(id: String, status: HookStatus, permissions: Permissions) -> impl IntoView {
    let may_replay = permissions.has(Permission::DeliveriesReplay);
    let may_write = permissions.has(Permission::HooksWrite);
    match status {
        HookStatus::Paused | HookStatus::Degraded if may_replay => view! {
            <form method="post" action=TryNow::url()>
                <input type="hidden" name="id" value=id/>
                <button type="submit"><Icon name=IconName::Redeliver/>"Try now"</button>
            </form>
        }
        .into_any(),
        HookStatus::Off | HookStatus::SwitchedOff if may_write => view! {
            <form method="post" action=SetEnabled::url()>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="enabled" value="true"/>
                <button type="submit">"Turn on"</button>
            </form>
        }
        .into_any(),
        _ => ().into_any(),
    }
}

#[component]
fn Actions(hook: Hook, place: HookPlace, permissions: Permissions) -> impl IntoView {
    let id = hook.id.to_string();
    let schema = format!("/integration/events/{}/schema.json", hook.event_type.key());
    let may_write = permissions.has(Permission::HooksWrite);
    // Those two tabs have a button of that name for what is typed there.
    let has_test = !matches!(place, HookPlace::Test | HookPlace::Settings);
    let state = if hook.enabled { "On" } else { "Off" };
    let switch = match place {
        // Its form has the switch, which is saved with the other settings.
        HookPlace::Settings => ().into_any(),
        _ if may_write => view! { <HookSwitch id=id.clone()
        label=format!("{} turned on", hook.name) on=hook.enabled/> }
        .into_any(),
        _ => view! { <span>{state}</span> }.into_any(),
    };
    view! {
        <div class="buttons">
            {switch}
            <a class="button" href=schema download aria-label="Download JSON Schema"><Icon
                name=IconName::Download/>"JSON Schema"</a>
            {(has_test && permissions.has(Permission::HooksTest)).then(|| view! {
                <form method="post" action=SendTest::url()>
                    <input type="hidden" name="id" value=id/>
                    <FormToken/>
                    <button class="primary" type="submit">"Send test"</button>
                </form>
            })}
        </div>
    }
}

#[cfg(test)]
mod tests;
