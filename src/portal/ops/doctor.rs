//! `service-hooks doctor`: checks of the installation, for operators after an upgrade, a restore or
//! an incident.

use super::Error;
use crate::{
    domain::{
        delivery::State,
        liveness::Overdue,
        permission::{Actor, right},
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
        ctx::{Denied, OpCtx, Portal},
        store::users,
    },
    view::words::status::clock_skew,
};

/// Tolerated clock difference: one minute.
const SKEWED_MS: i64 = 60_000;

/// How a check ended. Only a problem makes the command fail: a script that runs it after an upgrade
/// must not stop because of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Ok,
    Warning,
    Problem,
}

impl Level {
    /// A problem, unless it is well.
    fn of(is_well: bool) -> Self {
        if is_well { Self::Ok } else { Self::Problem }
    }
}

/// The result of one check.
pub struct Check {
    pub name: &'static str,
    pub level: Level,
    /// What was found and, if it failed, what to do.
    pub words: String,
}

impl Check {
    pub fn is_well(&self) -> bool {
        self.level != Level::Problem
    }
}

/// Runs all checks. Version, durability and schema of the database were already checked when it was
/// opened.
pub async fn examine(ctx: &OpCtx) -> Result<Vec<Check>, Error> {
    let grant = ctx.require(right::SystemRead)?;
    let store = ctx.portal.store();
    let mut conn = store.read().await?;
    let mut checks = vec![database(store).await?];
    checks.extend(disk(&ctx.portal));
    checks.extend(store.replication().await?.as_ref().map(replication));
    checks.push(people(&mut conn).await?);
    checks.push(master_key(&mut conn, store).await?);
    if let Some(skew) = ctx.portal.clock().skew() {
        checks.push(clocks(skew, &claim::list_nodes(&mut conn, &grant).await?));
    }
    checks.push(balance_check(&balance::read(&mut conn, &grant).await?));
    drop(conn);
    checks.push(liveness(&ctx.portal.dispatcher.find_overdue().await?, ctx.portal.clock().now()));
    Ok(checks)
}

async fn database(store: &Store) -> Result<Check, Error> {
    let mut words = "Version and schema are current; commits are durable.".to_owned();
    if let Some(files) = store.about().await?.files {
        words.push_str(&format!(" {} of {} are free.", bytes(files.free), bytes(files.bytes)));
        if !files.shrinks {
            words.push_str(
                " The file does not shrink automatically: stop the server and run doctor \
                 --compact once.",
            );
        }
    }
    Ok(Check { name: "database", level: Level::Ok, words })
}

/// SQLite only: is there enough disk space, including the reserve?
fn disk(portal: &Portal) -> Option<Check> {
    let held = portal.store().reserve_bytes()?;
    let (free, all) = fit::space(&portal.settings.data_dir)?;
    let wanted = portal.settings.limits.reserve_bytes;
    let is_missing = held < wanted;
    let has_room = free.saturating_add(held) >= wanted.saturating_mul(2);
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let mut words = format!("{} of {} are free.", size(free), size(all));
    if is_missing && !has_room {
        words.push_str(&format!(
            " Reserve: {} of {}. If the disk fills up, new events are rejected until {} are free. \
             Free disk space or shorten the retention.",
            size(held),
            size(wanted),
            size(wanted.saturating_mul(2))
        ));
    }
    let is_well = (!is_missing || has_room) && percent(free, all) >= NEARLY_FULL_PERCENT;
    Some(Check { name: "disk", level: Level::of(is_well), words })
}

async fn people(conn: &mut Conn) -> Result<Check, Error> {
    let has_users = users::any(conn).await?;
    let words = if has_users {
        "At least one user can sign in."
    } else {
        "No user can sign in. Start the server and open its set-up link."
    };
    // A new installation has none, and one that is used through the API needs none.
    let level = if has_users { Level::Ok } else { Level::Warning };
    Ok(Check { name: "users", level, words: words.to_owned() })
}

/// The portal itself opens the secrets and shows none of them, so `system:read` is enough.
async fn master_key(conn: &mut Conn, store: &Store) -> Result<Check, Error> {
    let portal = Actor::portal();
    let read = portal.require(right::HooksRead).map_err(Denied::from)?;
    let reveal = portal.require(right::SecretsReveal).map_err(Denied::from)?;
    let all = hooks::all(conn, &read).await?;
    let mut sealed = 0;
    for hook in &all {
        let revealed = hooks::reveal(conn, &reveal, &store.vault, hook.id).await;
        sealed += usize::from(revealed.is_err());
    }
    let words = match sealed {
        0 => format!("It decrypts the API keys of all {} hooks.", all.len()),
        _ => format!(
            "It can't decrypt the API keys of {sealed} of {} hooks. Use the master key they were \
             encrypted with.",
            all.len()
        ),
    };
    Ok(Check { name: "master key", level: Level::of(sealed == 0), words })
}

/// `skew` is the difference between this machine's clock and the database's, in milliseconds.
fn clocks(skew: i64, nodes: &[claim::NodeStatus]) -> Check {
    let others = nodes
        .iter()
        .map(|node| format!("; the clock of server {} {}", node.id, clock_skew(node.skew_ms)));
    let words = format!("This server's clock {}{}.", clock_skew(skew), others.collect::<String>());
    let is_well =
        nodes.iter().map(|node| node.skew_ms).chain([skew]).all(|skew| skew.abs() <= SKEWED_MS);
    let advice =
        if is_well { "" } else { " Deliveries are not affected. Correct the clock that differs." };
    Check { name: "clock", level: Level::of(is_well), words: format!("{words}{advice}") }
}

fn balance_check(balance: &Balance) -> Check {
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
        true => format!("{sum}."),
        false => {
            format!("Mismatch: {sum} is false. Keep a copy of the database and report this.")
        }
    };
    Check { name: "balance", level: Level::of(is_well), words }
}

/// Every ready hook with a due delivery must make an attempt within its bound.
fn liveness(overdue: &[Overdue], now: Timestamp) -> Check {
    let about = |one: &Overdue| {
        let (age, bound) = (readable_duration(one.since.until(now)), readable_duration(one.bound));
        format!(
            "Hook {} ({}): a delivery has been due for {age} without an attempt; the limit is \
             {bound}.",
            one.hook, one.name
        )
    };
    let words = match overdue {
        [] => "All due deliveries are being attempted.".to_owned(),
        some => format!(
            "{} Start the server if it is not running; otherwise restart it and report this.",
            some.iter().map(about).collect::<Vec<_>>().join(" ")
        ),
    };
    Check { name: "liveness", level: Level::of(overdue.is_empty()), words }
}

/// Whether an acknowledged event survives the loss of this PostgreSQL server.
fn replication(found: &Replication) -> Check {
    let Replication { synchronous_commit, standbys } = found;
    let kept = match (standbys.is_empty(), synchronous_commit.as_str()) {
        (true, _) => {
            "Commits wait for this PostgreSQL's own disk alone. After a failover, the newest \
             events may be lost"
        }
        (false, "remote_apply") => {
            "Commits wait until a standby has applied them. A failover loses no acknowledged event"
        }
        (false, "on") => {
            "Commits wait until they are on a standby's disk. A failover loses no acknowledged \
             event"
        }
        (false, "remote_write") => {
            "Commits wait until a standby has received them, but not until they are on its disk"
        }
        (false, _) => {
            "Commits do not wait for the configured standbys. After a failover, the newest events \
             may be lost"
        }
    };
    let named = if standbys.is_empty() { "empty" } else { standbys };
    let words = format!(
        "{kept} (synchronous_commit = {synchronous_commit}, synchronous_standby_names = {named})."
    );
    Check { name: "replication", level: Level::Ok, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_durability_of_a_commit_is_reported() {
        let rows = [
            ("on", "", "alone", "synchronous_standby_names = empty"),
            ("on", "one", "standby's disk", "synchronous_standby_names = one"),
            ("remote_apply", "ANY 1 (one, two)", "applied", "ANY 1 (one, two)"),
            ("remote_write", "one", "received", "remote_write"),
            ("local", "one", "do not wait", "synchronous_commit = local"),
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
