//! Commands on deliveries: redeliver one, or retry the waiting deliveries of a hook now. Each
//! command owns its transaction, its audit log entry and the notice to the lane. May import domain,
//! the dispatcher and engine::store.

use super::{
    dispatcher::Dispatcher,
    error::Error,
    store::{
        self, Conn, audit, deliveries,
        forward::{self, Forward},
        hooks,
        once::{self, Once},
    },
};
use crate::domain::{
    delivery::Delivery,
    id::{DeliveryId, HookId},
    invalid::Invalid,
    permission::{Grant, right},
    redelivery::{Act, Refusal, possible},
    time::Timestamp,
};

/// A delivery after a person's command, and what the command did.
pub struct Sent {
    pub act: Act,
    pub delivery: Delivery,
}

/// Redelivers a settled delivery, to the hook's current URL. A waiting or held delivery is
/// attempted now instead. `once` is the idempotency key of the request, recorded in the same
/// transaction.
pub async fn redeliver(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    id: DeliveryId,
    once: Option<Once>,
) -> Result<Sent, Error> {
    let clock = engine.clock().clone();
    engine
        .store()
        .write(move |conn| {
            Box::pin(async move {
                let delivery =
                    deliveries::find(conn, &by, id).await?.ok_or(Error::NotFound("delivery"))?;
                let hook = hooks::find(conn, &by, delivery.hook_id)
                    .await?
                    .ok_or(Error::NotFound("hook"))?;
                // Whether its payload still exists is checked by `make_due`.
                let act = possible(&delivery, Some(hook.enabled), true).map_err(refused)?;
                make_due(conn, &by, &delivery, act, clock.now()).await?;
                let action = match act {
                    Act::Redeliver => "delivery.redelivered",
                    Act::TryNow => "delivery.tried_now",
                };
                audit::note(conn, &clock, &by, action, &id.to_string(), &hook.name).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/deliveries/{id}")).await?;
                let delivery =
                    deliveries::find(conn, &by, id).await?.ok_or(Error::NotFound("delivery"))?;
                Ok(Sent { act, delivery })
            })
        })
        .await
}

/// Makes the delivery due.
async fn make_due(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    delivery: &Delivery,
    act: Act,
    now: Timestamp,
) -> Result<(), Error> {
    let result = match act {
        Act::Redeliver => {
            deliveries::redeliver(conn, by, delivery.id, delivery.hook_id, None, now).await
        }
        Act::TryNow => forward::one(conn, by, delivery.id, delivery.hook_id, now).await,
    };
    match result {
        Err(store::Error::Missing) => Err(refused(Refusal::NoPayload).into()),
        made => Ok(made?),
    }
}

fn refused(refusal: Refusal) -> Invalid {
    Invalid::one("id", refusal.code(), refusal.sentence())
}

/// Makes all waiting and held deliveries of a hook due now. They are sent at a limited rate. A
/// paused hook is probed immediately, and a delay from `Retry-After` no longer applies.
pub async fn try_now(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    id: HookId,
    once: Option<Once>,
) -> Result<Forward, Error> {
    let clock = engine.clock().clone();
    engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let hook = hooks::find(conn, &by, id).await?.ok_or(Error::NotFound("hook"))?;
                if !hook.enabled {
                    let message = "The hook is off. Turn it on to send its held deliveries.";
                    return Err(Invalid::one("id", "off", message).into());
                }
                let forward = forward::all(conn, &by, id, clock.now()).await?;
                let detail = audit_detail(&forward);
                audit::note(conn, &clock, &by, "hook.tried_now", &id.to_string(), &detail).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/hooks/{id}")).await?;
                Ok(forward)
            })
        })
        .await
}

fn audit_detail(forward: &Forward) -> String {
    format!("{}{} deliveries", if forward.or_more { "more than " } else { "" }, forward.deliveries)
}
