//! The status page: what was found, in words, with the mark above which it is no longer well.

use crate::{
    domain::{
        delivery::State,
        standing::Standing,
        time::readable_duration,
        words::{bytes, count, grouped},
    },
    engine::dispatcher::trouble::{NEARLY_FULL_PERCENT, percent},
    portal::{
        ops::{
            self,
            status::{Status, skew_in_words},
        },
        request::request,
    },
    view::{
        Error,
        status::{Check, Grade, StatusPage},
    },
};

/// Of a hundred bytes of the disk so many should be free.
const FREE_PERCENT: u64 = 10;
/// A clock that is further away from the database's should be set.
const SKEWED_MS: i64 = 1000;
/// A database that takes longer for a word about itself is in trouble.
const SLOW_MS: u128 = 500;

pub async fn read() -> Result<StatusPage, Error> {
    let request = request()?;
    let status = request.tell(ops::status::read(&request.ctx).await)?;
    let checks = [
        engine(&status),
        queue(&status),
        hooks(&status),
        balance(&status),
        liveness(&status),
        database(&status),
    ];
    Ok(StatusPage {
        checks: checks.into_iter().chain(clock(&status)).chain(disk(&status)).collect(),
        facts: facts(&status),
        started_at: status.started_at,
        now: status.now,
    })
}

fn check(name: &str, grade: Grade, words: String, limit: String) -> Check {
    Check { name: name.to_owned(), grade, words, limit }
}

fn engine(status: &Status) -> Check {
    let down: Vec<String> = status
        .components
        .iter()
        .filter(|part| !part.is_up)
        .map(|part| format!("{}: {}", part.name, part.words))
        .collect();
    if !down.is_empty() {
        let words = format!("Not working: {}. What was accepted is safe.", down.join("; "));
        return check("Engine", Grade::Bad, words, "The server's log says why.".to_owned());
    }
    if status.is_full {
        let words =
            "New events are refused: too many wait to be delivered. What was accepted is safe.";
        return check(
            "Engine",
            Grade::Bad,
            words.to_owned(),
            "Look for receivers that fail or are slow.".to_owned(),
        );
    }
    check("Engine", Grade::Good, "Accepts events and delivers them.".to_owned(), String::new())
}

fn queue(status: &Status) -> Check {
    let limits = &status.settings.limits;
    let age = status.oldest.map(|oldest| oldest.until(status.now)).unwrap_or_default();
    let share = u64::try_from(status.waiting_bytes).unwrap_or(0).saturating_mul(2);
    let is_high = share > limits.queued_bytes || age.saturating_mul(2) > limits.queued_age;
    let grade = if status.is_full {
        Grade::Bad
    } else if is_high || status.full_hooks > 0 {
        Grade::Watch
    } else {
        Grade::Good
    };
    let words = match status.waiting {
        0 => "Nothing waits.".to_owned(),
        waiting => {
            let oldest = if age.is_zero() {
                String::new()
            } else {
                format!(" The oldest has waited {}.", readable_duration(age))
            };
            format!(
                "{} waiting, {}.{oldest}",
                count(waiting, "delivery"),
                bytes(status.waiting_bytes)
            )
        }
    };
    let words = match status.full_hooks {
        0 => words,
        1 => format!("{words} The queue of 1 hook is full: its new events are skipped."),
        full => {
            format!("{words} The queues of {full} hooks are full: their new events are skipped.")
        }
    };
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let limit = format!(
        "Limit for each hook: {} or {}. Beyond that, its new events are skipped. Limit for all: {} \
         or {}. Beyond that, new events are rejected.",
        size(limits.hook_bytes()),
        readable_duration(limits.hook_age()),
        size(limits.queued_bytes),
        readable_duration(limits.queued_age)
    );
    check("Queue", grade, words, limit)
}

fn hooks(status: &Status) -> Check {
    let of = |wanted: Standing| {
        status.hooks.iter().find(|(standing, _)| *standing == wanted).map_or(0, |(_, count)| *count)
    };
    let failing: usize = Standing::ALL
        .iter()
        .filter(|standing| standing.is_failing())
        .map(|standing| of(*standing))
        .sum();
    let all: usize = status.hooks.iter().map(|(_, count)| count).sum();
    let parts: Vec<_> = status.hooks.iter().filter(|(_, count)| *count > 0).collect();
    let parts = parts
        .iter()
        .map(|(standing, count)| format!("{count} {}", standing.word().to_lowercase()))
        .collect::<Vec<_>>();
    let words = if all == 0 {
        "There is no hook yet.".to_owned()
    } else {
        format!("{}.", parts.join(", "))
    };
    let grade = if failing > 0 { Grade::Watch } else { Grade::Good };
    check("Hooks", grade, words, "A hook that fails is paused, and its events are held.".to_owned())
}

fn balance(status: &Status) -> Check {
    let books = &status.balance;
    let states = State::ALL.iter().filter(|state| books.of(**state) > 0);
    let states = states
        .map(|state| format!("{} {}", grouped(books.of(*state)), state.key()))
        .collect::<Vec<_>>()
        .join(" + ");
    let states = if states.is_empty() { "0".to_owned() } else { states };
    let sum = format!(
        "{} accepted = {states} + {} pruned",
        grouped(books.accepted),
        grouped(books.pruned)
    );
    if books.holds() {
        return check(
            "Balance",
            Grade::Good,
            format!("{sum}."),
            "Every accepted delivery is accounted for.".to_owned(),
        );
    }
    check(
        "Balance",
        Grade::Bad,
        format!("{sum} does NOT hold."),
        "Keep the database as it is and report this.".to_owned(),
    )
}

fn liveness(status: &Status) -> Check {
    let limit = "A hook that is ready and has something due must make an attempt within its bound.";
    let Some(first) = status.overdue.first() else {
        let words = "Every hook that is ready and has something due is being sent to.";
        return check("Liveness", Grade::Good, words.to_owned(), limit.to_owned());
    };
    let age = readable_duration(first.since.until(status.now));
    let others = match status.overdue.len() {
        1 => String::new(),
        all => format!(" {} are affected.", count(i64::try_from(all).unwrap_or(i64::MAX), "hook")),
    };
    let words =
        format!("A delivery to {} has been due for {age} without an attempt.{others}", first.name);
    check("Liveness", Grade::Bad, words, "Restart the server and report this.".to_owned())
}

fn database(status: &Status) -> Check {
    let (about, millis) = (&status.database, status.answered_in.as_millis());
    let grade = if millis > SLOW_MS { Grade::Watch } else { Grade::Good };
    let mut words = format!(
        "{} {}, {}, answers in {millis} ms.",
        about.kind,
        about.version,
        bytes(about.bytes)
    );
    let mut limit = format!("Above {SLOW_MS} ms deliveries slow down.");
    if let Some(files) = &about.files {
        let log = i64::try_from(files.log).unwrap_or(i64::MAX);
        words.push_str(&format!(
            " {} of it are free. Write-ahead log: {}.",
            bytes(files.free),
            bytes(log)
        ));
        if !files.shrinks {
            limit.push_str(
                " The file doesn't shrink by itself: run service-hooks doctor --compact once.",
            );
        }
    }
    check("Database", grade, words, limit)
}

/// Of a server that shares a database: how far its clock is from the database's, and the other
/// servers'.
fn clock(status: &Status) -> Option<Check> {
    let skew = status.skew?;
    let worst =
        status.nodes.iter().map(|node| node.skew_ms.abs()).chain([skew.abs()]).max().unwrap_or(0);
    let others = status.nodes.iter().filter(|node| node.skew_ms.abs() > SKEWED_MS);
    let others =
        others.map(|node| format!(" Server {}: {}.", node.id, skew_in_words(node.skew_ms)));
    let words =
        format!("This server's clock is {}.{}", skew_in_words(skew), others.collect::<String>());
    let grade = if worst > SKEWED_MS { Grade::Watch } else { Grade::Good };
    Some(check(
        "Clock",
        grade,
        words,
        "Deliveries follow the database's clock. Set a clock that differs.".to_owned(),
    ))
}

fn disk(status: &Status) -> Option<Check> {
    let (free, all) = status.disk?;
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let percent = percent(free, all);
    let wanted = status.settings.limits.reserve_bytes;
    let is_full = status.components.iter().any(|part| part.name == "disk" && !part.is_up);
    let lacks = status.reserve.is_some_and(|held| held < wanted);
    let grade = match percent {
        _ if is_full => Grade::Bad,
        0..NEARLY_FULL_PERCENT => Grade::Bad,
        NEARLY_FULL_PERCENT..FREE_PERCENT => Grade::Watch,
        _ if lacks => Grade::Watch,
        _ => Grade::Good,
    };
    let mut words = format!("{} of {} free ({percent} %).", size(free), size(all));
    let needed = size(wanted.saturating_mul(2));
    if is_full && wanted == 0 {
        words.push_str(" New events are refused. Free space on this disk.");
    } else if is_full {
        words.push_str(&format!(
            " New events are refused until {needed} are free. Free space on this disk."
        ));
    } else if lacks {
        words.push_str(&format!(
            " Reserve: {} of {}. It grows once {needed} are free.",
            size(status.reserve.unwrap_or(0)),
            size(wanted)
        ));
    }
    Some(check(
        "Disk",
        grade,
        words,
        "When it is full, events are refused until there is room again; nothing is lost."
            .to_owned(),
    ))
}

fn facts(status: &Status) -> Vec<(String, String)> {
    let settings = &status.settings;
    let facts = [
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Public address", settings.public_url()),
        ("Bodies are kept", readable_duration(settings.retention.payloads)),
        ("Deliveries are kept", readable_duration(settings.retention.deliveries)),
        ("Time-out of an attempt", readable_duration(settings.delivery.timeout)),
        ("Plain http", if settings.egress.allow_http { "allowed" } else { "refused" }.to_owned()),
    ];
    facts.into_iter().map(|(term, words)| (term.to_owned(), words)).collect()
}
