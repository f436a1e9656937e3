//! The engine's face for deliveries that a person or a program wants sent again or sooner. Each
//! owns its transaction, its line in the audit log and the notice to the lane. May import domain,
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
    permission::Grant,
    time::Timestamp,
};

/// Sends a settled delivery again, to where its hook leads now; and one that waits or is held
/// before its time. `once` is the idempotency key of the request, used up in the same transaction.
pub async fn redeliver(
    engine: &Dispatcher,
    by: Grant,
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
                refuse(&delivery, &hook)?;
                let action = send(conn, &by, &delivery, clock.now()).await?;
                audit::note(conn, &clock, &by, action, &id.to_string(), &hook.name).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/deliveries/{id}")).await?;
                deliveries::find(conn, &by, id).await?.ok_or(Error::NotFound("delivery"))
            })
        })
        .await
}

/// Returns what the audit log calls it.
async fn send(
    conn: &mut Conn,
    by: &Grant,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<&'static str, Error> {
    let is_final = delivery.state.is_final();
    let sent = if is_final {
        deliveries::redeliver(conn, by, delivery.id, delivery.hook_id, now).await
    } else {
        forward::one(conn, by, delivery.id, delivery.hook_id, now).await
    };
    match sent {
        Err(store::Error::Missing) => {
            let message = "cannot be sent again: its body was removed";
            Err(Invalid::one("id", "pruned", message).into())
        }
        Err(error) => Err(error.into()),
        Ok(()) if is_final => Ok("delivery.redelivered"),
        Ok(()) => Ok("delivery.tried_now"),
    }
}

/// Why it cannot be sent now. That a body is gone is found out in the attempt.
fn refuse(delivery: &Delivery, hook: &Hook) -> Result<(), Invalid> {
    match delivery.state {
        _ if delivery.is_test => {
            Err(Invalid::one("id", "test", "is a test; send another test instead"))
        }
        State::Pending => Err(Invalid::one(
            "id",
            "open",
            "is still being delivered: its first attempt is due now",
        )),
        State::Held | State::Waiting if !hook.enabled => {
            let message = "is held because its hook is switched off; switch the hook on, and it is \
                           sent automatically";
            Err(Invalid::one("id", "off", message))
        }
        _ => Ok(()),
    }
}

/// Sends what a hook has waiting before its time, at a pace, and probes a paused hook at once. What
/// its receiver asked for with `Retry-After` is over.
pub async fn try_now(
    engine: &Dispatcher,
    by: Grant,
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
                    let message =
                        "is switched off; switch it on, and what it holds is sent automatically";
                    return Err(Invalid::one("id", "off", message).into());
                }
                let forward = forward::all(conn, &by, id, clock.now()).await?;
                let detail = in_words(&forward);
                audit::note(conn, &clock, &by, "hook.tried_now", &id.to_string(), &detail).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/hooks/{id}")).await?;
                Ok(forward)
            })
        })
        .await
}

fn in_words(forward: &Forward) -> String {
    format!("{}{} deliveries", if forward.or_more { "more than " } else { "" }, forward.deliveries)
}
