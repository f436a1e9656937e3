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
    delivery::{Delivery, State},
    hook::Hook,
    id::{DeliveryId, HookId},
    invalid::Invalid,
    permission::{Grant, right},
    time::Timestamp,
};

/// Redelivers a settled delivery, to the hook's current URL. A waiting or held delivery is
/// attempted now instead. `once` is the idempotency key of the request, recorded in the same
/// transaction.
pub async fn redeliver(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    id: DeliveryId,
    once: Option<Once>,
) -> Result<Delivery, Error> {
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
                check_redeliverable(&delivery, &hook)?;
                let action = make_due(conn, &by, &delivery, clock.now()).await?;
                audit::note(conn, &clock, &by, action, &id.to_string(), &hook.name).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/deliveries/{id}")).await?;
                deliveries::find(conn, &by, id).await?.ok_or(Error::NotFound("delivery"))
            })
        })
        .await
}

/// Makes the delivery due. Returns the action's name for the audit log.
async fn make_due(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<&'static str, Error> {
    let is_final = delivery.state.is_final();
    let result = if is_final {
        deliveries::redeliver(conn, by, delivery.id, delivery.hook_id, now).await
    } else {
        forward::one(conn, by, delivery.id, delivery.hook_id, now).await
    };
    match result {
        Err(store::Error::Missing) => {
            let message = "You can't redeliver this. Its payload was removed after the retention \
                           period.";
            Err(Invalid::one("id", "pruned", message).into())
        }
        Err(error) => Err(error.into()),
        Ok(()) if is_final => Ok("delivery.redelivered"),
        Ok(()) => Ok("delivery.tried_now"),
    }
}

/// Refuses a delivery that cannot be sent now. Whether its payload still exists is checked later,
/// by [`make_due`].
fn check_redeliverable(delivery: &Delivery, hook: &Hook) -> Result<(), Invalid> {
    match delivery.state {
        _ if delivery.is_test => {
            Err(Invalid::one("id", "test", "You can't redeliver a test. Send a new test."))
        }
        State::Pending => Err(Invalid::one(
            "id",
            "open",
            "You can't redeliver this yet. Its first attempt is still pending.",
        )),
        State::Held | State::Waiting if !hook.enabled => {
            let message = "The hook is off. Turn it on to send this delivery.";
            Err(Invalid::one("id", "off", message))
        }
        _ => Ok(()),
    }
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
