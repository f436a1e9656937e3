//! Is everything well? Asked by an operator after an upgrade, a restore, or a bad night.

use super::Error;
use crate::{
    domain::{
        delivery::State,
        liveness::Overdue,
        permission::{Grant, Permission},
        time::{Timestamp, readable_duration},
        words::bytes,
    },
    engine::{
        dispatcher::trouble::{NEARLY_FULL_PERCENT, percent},
        store::{
            Conn, Store,
            balance::{self, Balance},
            claim,
            db::Replication,
            fit, hooks,
        },
    },
    portal::{
        ctx::{OpCtx, Portal},
        ops::status::skew_in_words,
        store::users,
    },
};

/// Clocks are well within a minute of each other.
const SKEWED_MS: i64 = 60_000;

/// One thing that was looked at.
pub struct Check {
    pub name: &'static str,
    pub is_well: bool,
    /// What was found and, where it is not well, what to do.
    pub words: String,
}

/// Looks at what must hold. The database itself was judged when it was opened: its version, its
/// durability, its schema.
pub async fn examine(ctx: &OpCtx) -> Result<Vec<Check>, Error> {
    let grant = ctx.require(Permission::SystemRead)?;
    let store = ctx.portal.store();
    let mut conn = store.read().await?;
    let mut checks = vec![database(store).await?];
    checks.extend(disk(&ctx.portal));
    checks.extend(store.replication().await?.as_ref().map(replication));
    checks.push(people(&mut conn).await?);
    checks.push(master_key(&mut conn, store, &grant).await?);
    if let Some(skew) = ctx.portal.clock().skew() {
        checks.push(clocks(skew, &claim::listed(&mut conn, &grant).await?));
    }
    checks.push(books(&balance::read(&mut conn, &grant).await?));
    drop(conn);
    checks.push(liveness(&ctx.portal.dispatcher.find_overdue().await?, ctx.portal.clock().now()));
    Ok(checks)
}

async fn database(store: &Store) -> Result<Check, Error> {
    let mut words =
        "it is new enough, keeps what it commits, and its schema is up to date".to_owned();
    if let Some(files) = store.about().await?.files {
        words.push_str(&format!("; {} of {} are free", bytes(files.free), bytes(files.bytes)));
        if !files.shrinks {
            words.push_str(
                ". The file does not shrink by itself: stop the server and run doctor --compact \
                 once",
            );
        }
    }
    Ok(Check { name: "database", is_well: true, words })
}

/// Of SQLite: is there room for what comes, and for the reserve?
fn disk(portal: &Portal) -> Option<Check> {
    let held = portal.store().reserve_held()?;
    let (free, all) = fit::space(&portal.settings.data_dir)?;
    let wanted = portal.settings.limits.reserve_bytes;
    let is_missing = held < wanted;
    let has_room = free.saturating_add(held) >= wanted.saturating_mul(2);
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let mut words = format!("{} of {} are free", size(free), size(all));
    if is_missing && !has_room {
        words.push_str(&format!(
            ". Reserve: {} of {}. If the disk fills up, new events are refused until {} are free. \
             Free space, or shorten the retention",
            size(held),
            size(wanted),
            size(wanted.saturating_mul(2))
        ));
    }
    let is_well = (!is_missing || has_room) && percent(free, all) >= NEARLY_FULL_PERCENT;
    Some(Check { name: "disk", is_well, words })
}

async fn people(conn: &mut Conn) -> Result<Check, Error> {
    let has_users = users::any(conn).await?;
    let words = if has_users {
        "somebody can sign in"
    } else {
        "nobody can sign in; start the server and open its set-up link"
    };
    Ok(Check { name: "users", is_well: has_users, words: words.to_owned() })
}

async fn master_key(conn: &mut Conn, store: &Store, grant: &Grant) -> Result<Check, Error> {
    let all = hooks::all(conn, grant).await?;
    let mut sealed = 0;
    for hook in &all {
        let revealed = hooks::reveal(conn, grant, &store.vault, hook.id).await;
        sealed += usize::from(revealed.is_err());
    }
    let words = match sealed {
        0 => format!("it opens the keys of all {} hooks", all.len()),
        _ => format!(
            "it does not open the keys of {sealed} of {} hooks; give the key they were sealed with",
            all.len()
        ),
    };
    Ok(Check { name: "master key", is_well: sealed == 0, words })
}

/// `skew` is how far this machine's clock is from the database's.
fn clocks(skew: i64, nodes: &[claim::Listed]) -> Check {
    let others =
        nodes.iter().map(|node| format!("; server {} is {}", node.id, skew_in_words(node.skew_ms)));
    let words = format!("this machine is {}{}", skew_in_words(skew), others.collect::<String>());
    let is_well =
        nodes.iter().map(|node| node.skew_ms).chain([skew]).all(|skew| skew.abs() <= SKEWED_MS);
    let advice =
        if is_well { "" } else { "; deliveries are not affected, but set the clock that differs" };
    Check { name: "clock", is_well, words: format!("{words}{advice}") }
}

fn books(balance: &Balance) -> Check {
    let states: Vec<String> =
        State::ALL.iter().map(|state| format!("{} {}", balance.of(*state), state.key())).collect();
    let sum = format!(
        "{} accepted = {} + {} pruned",
        balance.accepted,
        states.join(" + "),
        balance.pruned
    );
    let is_well = balance.holds();
    let words = match is_well {
        true => sum,
        false => format!("{sum} does NOT hold; keep the database and report it"),
    };
    Check { name: "balance", is_well, words }
}

/// A hook that is ready and has something due makes an attempt within its bound.
fn liveness(overdue: &[Overdue], now: Timestamp) -> Check {
    let about = |one: &Overdue| {
        let (age, bound) = (readable_duration(one.since.until(now)), readable_duration(one.bound));
        format!(
            "hook {} ({}): a delivery has been due for {age} without an attempt; the bound is \
             {bound}",
            one.hook, one.name
        )
    };
    let words = match overdue {
        [] => "every hook that is ready and has something due is being sent to".to_owned(),
        some => format!(
            "{}; start the server if it is not running, else restart it and report this",
            some.iter().map(about).collect::<Vec<_>>().join("; ")
        ),
    };
    Check { name: "liveness", is_well: overdue.is_empty(), words }
}

/// What an acknowledged event survives besides a crash of the one PostgreSQL.
fn replication(found: &Replication) -> Check {
    let Replication { synchronous_commit, standbys } = found;
    let kept = match (standbys.is_empty(), synchronous_commit.as_str()) {
        (true, _) => {
            "a commit waits for this PostgreSQL's disk alone; a standby that takes over may lack \
             the newest events"
        }
        (false, "remote_apply") => {
            "a commit waits until a standby shows it; one that takes over has every acknowledged \
             event"
        }
        (false, "on") => {
            "a commit waits until a standby has it on disk; one that takes over has every \
             acknowledged event"
        }
        (false, "remote_write") => {
            "a commit waits until a standby has received it, not until it is on the standby's disk"
        }
        (false, _) => {
            "a commit does not wait for the standbys that are named; one that takes over may lack \
             the newest events"
        }
    };
    let named = if standbys.is_empty() { "empty" } else { standbys };
    let words = format!(
        "{kept} (synchronous_commit = {synchronous_commit}, synchronous_standby_names = {named})"
    );
    Check { name: "replication", is_well: true, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_commit_waits_for_is_told() {
        let rows = [
            ("on", "", "alone", "synchronous_standby_names = empty"),
            ("on", "one", "on disk", "synchronous_standby_names = one"),
            ("remote_apply", "ANY 1 (one, two)", "shows it", "ANY 1 (one, two)"),
            ("remote_write", "one", "received", "remote_write"),
            ("local", "one", "does not wait", "synchronous_commit = local"),
        ];
        for (synchronous_commit, standbys, kept, setting) in rows {
            let found = Replication {
                synchronous_commit: synchronous_commit.into(),
                standbys: standbys.into(),
            };
            let words = replication(&found).words;
            assert!(words.contains(kept) && words.contains(setting), "{words}");
        }
    }
}
