//! The button under a successful test that sends what waits at the same hook.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::{
    rpc::hooks::{SetEnabled, TryNow},
    ui::widgets::icon::{Icon, IconName},
    view::{hooks::SendWaiting, words::test_send as words},
};

/// Empty while nothing waits. Pages that are open follow the number.
#[component]
pub fn WaitingOffer(waiting: Option<SendWaiting>) -> impl IntoView {
    let form = waiting.map(|SendWaiting { hook, is_on, number }| {
        let action = if is_on { TryNow::url() } else { SetEnabled::url() };
        let enabled = (!is_on).then(|| {
            view! { <input type="hidden" name="enabled"
            value="true"/> }
        });
        view! {
            <form method="post" action=action>
                <input type="hidden" name="id" value=hook/>
                {enabled}
                <button class="primary" type="submit"><Icon
                    name=IconName::Redeliver/>{words::send_waiting(number, is_on)}</button>
            </form>
        }
    });
    view! { <div id="live-waiting-offer" data-live="">{form}</div> }
}
