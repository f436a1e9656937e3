//! One delivery and its attempts.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::AttemptPanel;
use crate::{
    rpc::deliveries::{DeliveryPage as DeliveryData, Redeliver, detail},
    ui::{
        pages::param,
        widgets::{
            definition::Fact,
            frame::{Frame, Place},
            loaded::loaded,
            moment::Moment,
        },
    },
};

#[component]
pub fn DeliveryPage() -> impl IntoView {
    view! { <Frame place=Place::Hooks>{loaded(detail(param("delivery")), |page| view! { <Content page/> })}</Frame> }
}

#[component]
fn Content(page: DeliveryData) -> impl IntoView {
    let delivery = page.delivery.clone();
    let hook = format!("/integration/hooks/{}", delivery.hook_id);
    let name = page.hook_name.clone();
    let now = page.now;
    let (id, may_redeliver) = (delivery.id.to_string(), page.may_redeliver);
    view! {
        <Title text=format!("Delivery to {name}")/>
        <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a> " › " <a href=hook>{name.clone()}</a></p>
        <div class="heading">
        <h1>{delivery.event_type.name()} " to " {name}</h1>
        {may_redeliver.then(|| view! {
            <form method="post" action=Redeliver::url()>
                <input type="hidden" name="id" value=id/>
                <button type="submit">"Send again"</button>
            </form>
        })}
        </div>
        <div class="columns">
            <section class="card"><AttemptPanel page/></section>
            <section class="card facts" aria-labelledby="facts-title">
                <h2 id="facts-title">"Facts"</h2>
                <dl>
                    <Fact term="Event id"><code>{delivery.event_id.to_string()}</code></Fact>
                    <Fact term="Delivery id"><code>{delivery.id.to_string()}</code></Fact>
                    <Fact term="Accepted"><Moment at=delivery.created_at now/></Fact>
                    <Fact term="Attempts">{delivery.attempts}</Fact>
                    {delivery.due_at.map(|at| view! { <Fact term="Next attempt"><Moment at now/></Fact> })}
                </dl>
            </section>
        </div>
    }
}
