//! The checklist of a new installation, on the list of hooks.

use crate::{
    domain::permission::Permission,
    portal::{ops, request::request},
    view::{Error, first_steps::FirstSteps},
};

/// How far the installation has come; `None` if it is done, or the reader can't take the steps.
pub async fn read() -> Result<Option<FirstSteps>, Error> {
    let request = request()?;
    let needed = [Permission::HooksWrite, Permission::HooksTest, Permission::DeliveriesRead];
    if !needed.into_iter().all(|permission| request.ctx.may(permission)) {
        return Ok(None);
    }
    let found = request.respond(ops::first_steps::read(&request.ctx).await)?;
    Ok(found.map(|(hook, progress)| FirstSteps {
        hook: hook.map(|hook| (hook.id.to_string(), hook.name, hook.event_type.key().to_owned())),
        is_reached: progress.is_reached,
        is_tested: progress.is_tested,
    }))
}
