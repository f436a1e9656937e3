//! Use cases of dismissals: a person says with a reason that failed, skipped or held deliveries
//! need not be sent, or takes that back. The first transaction has the audit entry; further ones
//! continue in steps. May import domain, the dispatcher and engine::store.

use super::{
    dispatcher::Dispatcher,
    error::Error,
    store::{
        audit,
        dismissals::{self, Cause},
        hooks,
        once::{self, Once},
    },
};
use crate::domain::{
    delivery::State,
    dismissal::{DISMISSIBLE, Dismissal, MAX_DISMISSED, is_dismissible, validate_reason},
    id::{DismissalId, HookId},
    invalid::Invalid,
    job::Count,
    log::AnswerGroup,
    permission::{Grant, right},
    time::Timestamp,
};

/// What to dismiss.
pub struct Dismiss {
    pub hook: HookId,
    pub state: State,
    pub answer: Option<AnswerGroup>,
    pub reason: String,
    /// Only what was accepted before this time: what the person saw. Default: now.
    pub until: Option<Timestamp>,
}

/// Dismisses up to [`MAX_DISMISSED`] deliveries.
pub async fn dismiss(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    dismiss: Dismiss,
    once: Option<Once>,
) -> Result<Dismissal, Error> {
    let clock = engine.clock().clone();
    let now = clock.now();
    let reason = validate_reason(&dismiss.reason)?;
    if !is_dismissible(dismiss.state) {
        return Err(Invalid::one("state", "range", format!("must be {DISMISSIBLE}")).into());
    }
    let end = Timestamp(now.0 + 1);
    let until = dismiss.until.map_or(end, |until| until.min(end));
    let mut dismissal = Dismissal {
        id: DismissalId(clock.id()),
        hook: dismiss.hook,
        state: dismiss.state,
        answer: dismiss.answer,
        reason,
        number: 0,
        created_by: by.by().to_owned(),
        created_at: now,
        undone_by: None,
        undone_at: None,
    };
    let (begun, grant, noted) = (dismissal.clone(), by.clone(), clock.clone());
    let first: Result<dismissals::Stepped, Error> = engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                hooks::find(conn, &grant, begun.hook).await?.ok_or(Error::NotFound("hook"))?;
                dismissals::insert(conn, &grant, &begun).await?;
                let detail = audit_detail(&begun);
                let hook = begun.hook.to_string();
                audit::note(conn, &noted, &grant, "delivery.dismissed", &hook, &detail).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/dismissals/{}", begun.id))
                    .await?;
                Ok(dismissals::step(conn, &grant, &begun, until, None, now).await?)
            })
        })
        .await;
    let mut stepped = first?;
    dismissal.number = stepped.number;
    while stepped.cursor.is_some() && dismissal.number < MAX_DISMISSED {
        let (next, grant, cursor) = (dismissal.clone(), by.clone(), stepped.cursor);
        let step: Result<dismissals::Stepped, Error> = engine
            .store()
            .write_alone(move |conn| {
                Box::pin(async move {
                    Ok(dismissals::step(conn, &grant, &next, until, cursor, now).await?)
                })
            })
            .await;
        stepped = step?;
        dismissal.number += stepped.number;
    }
    Ok(dismissal)
}

fn audit_detail(dismissal: &Dismissal) -> String {
    let answer = dismissal.answer.map(|answer| format!(", {}", answer.word())).unwrap_or_default();
    format!("{}{answer}: {}", dismissal.state.key(), dismissal.reason)
}

/// The number of deliveries that a dismissal would include.
pub async fn count(
    engine: &Dispatcher,
    by: &Grant<right::DeliveriesReplay>,
    dismiss: &Dismiss,
) -> Result<Count, Error> {
    let now = engine.clock().now();
    let until = dismiss.until.unwrap_or(Timestamp(now.0 + 1));
    let of = Cause { hook: dismiss.hook, state: dismiss.state, answer: dismiss.answer };
    Ok(dismissals::count(&mut engine.store().read().await?, by, of, until).await?)
}

/// A dismissal that was taken back.
pub struct Undone {
    pub dismissal: Dismissal,
    /// Its deliveries that stay dismissed, because retention removed their payloads.
    pub left: i64,
}

/// Takes a dismissal back: its deliveries are undelivered again, except those that were redelivered
/// meanwhile. Held ones need their hook and their payload: the hook sends them when it is on.
pub async fn undo(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    id: DismissalId,
    once: Option<Once>,
) -> Result<Undone, Error> {
    let now = engine.clock().now();
    let found = dismissals::find(&mut engine.store().read().await?, &by, id).await?;
    let dismissal = found.ok_or(Error::NotFound("dismissal"))?;
    if dismissal.undone_at.is_some() {
        return Err(already_undone());
    }
    check_undoable(engine, &by, &dismissal).await?;
    loop {
        bring_back(engine, &by, &dismissal, now).await?;
        if let Some(undone) = finish(engine, &by, &dismissal, now, once.clone()).await? {
            return Ok(undone);
        }
    }
}

/// Brings its deliveries back, step by step.
async fn bring_back(
    engine: &Dispatcher,
    by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
    now: Timestamp,
) -> Result<(), Error> {
    loop {
        let (next, grant) = (dismissal.clone(), by.clone());
        let number: Result<i64, Error> = engine
            .store()
            .write_alone(move |conn| {
                Box::pin(async move { Ok(dismissals::undo_step(conn, &grant, &next, now).await?) })
            })
            .await;
        if number? == 0 {
            return Ok(());
        }
    }
}

/// Marks it as undone. This comes last, so that undoing can be repeated if the process dies in
/// between. `None`: it was still dismissing deliveries, which have to be brought back first.
async fn finish(
    engine: &Dispatcher,
    by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
    now: Timestamp,
    once: Option<Once>,
) -> Result<Option<Undone>, Error> {
    let (by, dismissal, clock) = (by.clone(), dismissal.clone(), engine.clock().clone());
    engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let id = dismissal.id;
                // From here on no step dismisses anything.
                if !dismissals::lock_open(conn, &by, id).await? {
                    return Err(already_undone());
                }
                if dismissals::has_restorable(conn, &by, &dismissal).await? {
                    return Ok(None);
                }
                dismissals::undo(conn, &by, id, now).await?;
                let (hook, detail) = (dismissal.hook.to_string(), audit_detail(&dismissal));
                audit::note(conn, &clock, &by, "delivery.dismissal_undone", &hook, &detail).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/dismissals/{id}")).await?;
                let dismissal =
                    dismissals::find(conn, &by, id).await?.ok_or(Error::NotFound("dismissal"))?;
                let left = dismissals::remaining(conn, &by, id).await?;
                Ok(Some(Undone { dismissal, left }))
            })
        })
        .await
}

/// Held deliveries can be brought back while their hook exists and a payload is left.
async fn check_undoable(
    engine: &Dispatcher,
    by: &Grant<right::DeliveriesReplay>,
    dismissal: &Dismissal,
) -> Result<(), Error> {
    if dismissal.state != State::Held {
        return Ok(());
    }
    let mut conn = engine.store().read().await?;
    if hooks::find(&mut conn, by, dismissal.hook).await?.is_none() {
        let message = "The hook was deleted. Its held events can't be brought back.";
        return Err(Invalid::one("id", "deleted", message).into());
    }
    if !dismissals::has_restorable(&mut conn, by, dismissal).await? {
        let message = "These events can't be brought back: their payloads were removed after the \
                       retention period, or they were redelivered.";
        return Err(Invalid::one("id", "pruned", message).into());
    }
    Ok(())
}

fn already_undone() -> Error {
    Invalid::one("id", "undone", "These events were already brought back.").into()
}
