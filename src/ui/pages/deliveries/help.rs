//! The buttons of a delivery: first the one that helps most, then the other thing that can be done.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::{
    domain::{
        delivery::Delivery,
        redelivery::{Act, Remedy},
    },
    rpc::hooks::SetEnabled,
    view::words::deliveries as words,
};

#[component]
pub fn Help(delivery: Delivery, remedy: Option<Remedy>, act: Option<Act>) -> impl IntoView {
    let hook = format!("/integration/hooks/{}", delivery.hook_id);
    let ask = format!("{hook}/deliveries/{}/redeliver", delivery.id);
    let is_act = matches!(remedy, Some(Remedy::TryNow | Remedy::Redeliver));
    let other = act.filter(|_| !is_act);
    let other = other.map(|act| view! { <a class="button" href=ask.clone()>{words::act(act)}</a> });
    let first = remedy.map(|remedy| {
        let label = words::remedy(remedy);
        match remedy {
            Remedy::TryNow | Remedy::Redeliver => {
                view! { <a class="button primary" href=ask>{label}</a> }.into_any()
            }
            Remedy::EditUrl => {
                let settings = format!("{hook}/settings#callback_url");
                view! { <a class="button primary" href=settings>{label}</a> }.into_any()
            }
            Remedy::TurnOn => view! {
                <form method="post" action=SetEnabled::url()>
                    <input type="hidden" name="id" value=delivery.hook_id.to_string()/>
                    <input type="hidden" name="enabled" value="true"/>
                    <button class="primary" type="submit">{label}</button>
                </form>
            }
            .into_any(),
        }
    });
    view! { {other} {first} }
}
