//! The banner above every page: problems of the whole installation. Users without the permission
//! `system:read` are told only that deliveries are delayed.

use crate::{
    domain::{permission::Permission, words::bytes},
    engine::dispatcher::trouble::{Trouble, percent},
    portal::ctx::OpCtx,
    view::{
        session::{Banner, BannerLine},
        words::status::{ACCEPTED_SAFE, CHECK_RECEIVERS, TOO_MANY_WAITING},
    },
};

const STOPPED: &str = "New events are rejected and deliveries have stopped.";

pub fn banner(ctx: &OpCtx) -> Option<Banner> {
    let troubles = ctx.portal.dispatcher.troubles();
    let is_urgent = troubles.iter().any(holds_up);
    if ctx.may(Permission::SystemRead) {
        let lines: Vec<_> = troubles.iter().map(line).collect();
        let more = Some("/status".to_owned());
        return (!lines.is_empty()).then_some(Banner { lines, is_urgent, more });
    }
    let what = "Deliveries are delayed.".to_owned();
    let next = "Accepted events are safe and will be delivered later.".to_owned();
    is_urgent.then(|| Banner {
        lines: vec![BannerLine { what, since: None, next }],
        is_urgent,
        more: None,
    })
}

fn holds_up(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Unwritable(_) | Trouble::Stopped | Trouble::WrongKey | Trouble::Refusing { .. }
    )
}

fn line(trouble: &Trouble) -> BannerLine {
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let (what, since, next) = match *trouble {
        Trouble::Unwritable(failing) if failing.has_reserve => (
            "The disk is full. New events are rejected; accepted events are still \
             delivered."
                .to_owned(),
            Some(failing.since),
            "Free disk space. The server resumes automatically.",
        ),
        Trouble::Unwritable(failing) if failing.is_full => (
            format!("Can't write to the database: its disk is full. {STOPPED} {ACCEPTED_SAFE}"),
            Some(failing.since),
            "Free disk space. The server resumes automatically.",
        ),
        Trouble::Unwritable(failing) => (
            format!("Can't write to the database. {STOPPED} {ACCEPTED_SAFE}"),
            Some(failing.since),
            "Check that the database is running and writable. See the server log for the error.",
        ),
        Trouble::Stopped => (
            format!("Deliveries have stopped: the delivery engine is not running. {ACCEPTED_SAFE}"),
            None,
            "Restart the server. See the server log for the cause.",
        ),
        Trouble::WrongKey => (
            format!(
                "Wrong master key: the hooks' API keys can't be decrypted, so nothing is sent. \
                     {ACCEPTED_SAFE}"
            ),
            None,
            "Restart the server with the master key that this database was created with.",
        ),
        Trouble::Refusing { since } => (TOO_MANY_WAITING.to_owned(), Some(since), CHECK_RECEIVERS),
        Trouble::DiskNearlyFull { free, total } => (
            format!(
                "The disk is nearly full: {} of {} free ({} %).",
                size(free),
                size(total),
                percent(free, total)
            ),
            None,
            "Free disk space. When the disk is full, new events are rejected.",
        ),
        Trouble::CleanupOverdue { since } => (
            "Data past its retention is not being deleted.".to_owned(),
            Some(since),
            "See the server log for the cause. Until this is fixed, the database keeps growing.",
        ),
    };
    BannerLine { what, since, next: next.to_owned() }
}
