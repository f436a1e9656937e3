//! The banner above every page: what is wrong with the whole portal, in words. Whoever may not see
//! the system's status hears only that deliveries are held up.

use crate::{
    domain::{permission::Permission, words::bytes},
    engine::dispatcher::trouble::{Trouble, percent},
    portal::ctx::OpCtx,
    view::session::{Banner, BannerLine},
};

const SAFE: &str = "New events are refused, and deliveries stop. What was accepted is safe.";

pub fn banner(ctx: &OpCtx) -> Option<Banner> {
    let troubles = ctx.portal.dispatcher.troubles();
    let is_urgent = troubles.iter().any(holds_up);
    if ctx.may(Permission::SystemRead) {
        let lines: Vec<_> = troubles.iter().map(line).collect();
        let more = Some("/status".to_owned());
        return (!lines.is_empty()).then_some(Banner { lines, is_urgent, more });
    }
    let what = "Deliveries are held up at the moment.".to_owned();
    let next = "What was accepted is safe and is delivered later.".to_owned();
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
            "The disk is full. New events are refused; what was accepted is safe, and is \
             delivered.".to_owned(),
            Some(failing.since),
            "Make room on the disk; everything goes on by itself.",
        ),
        Trouble::Unwritable(failing) if failing.is_full => (
            format!("The database cannot be written: its disk is full. {SAFE}"),
            Some(failing.since),
            "Make room on the disk; everything goes on by itself.",
        ),
        Trouble::Unwritable(failing) => (
            format!("The database cannot be written. {SAFE}"),
            Some(failing.since),
            "See that the database runs and may be written; the server's log says why it failed.",
        ),
        Trouble::Stopped => (
            "Nothing is delivered any more: the engine has stopped. What was accepted is \
             safe.".to_owned(),
            None,
            "Start the server again; its log says why it stopped.",
        ),
        Trouble::WrongKey => (
            "The master key doesn't open the keys of hooks: nothing can be sent. What was accepted \
             is safe.".to_owned(),
            None,
            "Start the server with the master key that the database was sealed with.",
        ),
        Trouble::Refusing { since } => (
            "New events are refused: too many wait to be delivered. What was accepted is \
             safe.".to_owned(),
            Some(since),
            "Look for a receiver that fails or is slow.",
        ),
        Trouble::NearlyFull { free, all } => (
            format!("The disk is nearly full: {} of {} free ({} %).", size(free), size(all),
                percent(free, all)),
            None,
            "Make room: once it is full, events are refused until there is some.",
        ),
        Trouble::Untidy { since } => (
            "What is past its retention is not removed.".to_owned(),
            Some(since),
            "The server's log says what keeps the clean-up; until it is done, the data grows.",
        ),
    };
    BannerLine { what, since, next: next.to_owned() }
}
