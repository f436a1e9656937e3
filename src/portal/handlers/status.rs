//! The status page: the result of each health check in words, with its grade and limit.

use crate::{
    domain::{
        delivery::State,
        time::readable_duration,
        words::{bytes, count, grouped},
    },
    engine::dispatcher::trouble::{NEARLY_FULL_PERCENT, percent},
    portal::{
        ops::{self, status::Status},
        request::request,
    },
    view::{
        Error,
        status::{Check, Grade, StatusPage},
        words::status::{
            ACCEPTED_SAFE, CHECK_RECEIVERS, HOOKS, TOO_MANY_WAITING, clock_skew, summary,
        },
    },
};

/// Below this share of free disk space the check needs attention.
const FREE_PERCENT: u64 = 10;
/// The tolerated difference from the database's clock.
const SKEWED_MS: i64 = 1000;
/// Above this response time of the database, deliveries slow down.
const SLOW_MS: u128 = 500;

pub async fn read() -> Result<StatusPage, Error> {
    let request = request()?;
    let status = request.respond(ops::status::read(&request.ctx).await)?;
    let checks = [
        engine(&status),
        queue(&status),
        hooks(&status),
        balance(&status),
        liveness(&status),
        database(&status),
    ];
    let checks: Vec<_> = checks.into_iter().chain(clock(&status)).chain(disk(&status)).collect();
    let named = |grade: Grade| {
        let graded = checks.iter().filter(|check| check.grade == grade);
        graded.map(|check| check.name.as_str()).collect::<Vec<_>>()
    };
    let summary = summary(&named(Grade::Problem), &named(Grade::Warning), failing_hooks(&status));
    Ok(StatusPage {
        summary,
        checks,
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
        let words = format!("Not working: {}. {ACCEPTED_SAFE}", down.join("; "));
        return check(
            "Engine",
            Grade::Problem,
            words,
            "See the server log for the cause.".to_owned(),
        );
    }
    if status.is_full {
        let words = TOO_MANY_WAITING.to_owned();
        return check("Engine", Grade::Problem, words, CHECK_RECEIVERS.to_owned());
    }
    check("Engine", Grade::Ok, "Accepting and delivering events.".to_owned(), String::new())
}

fn queue(status: &Status) -> Check {
    let limits = &status.settings.limits;
    let age = status.oldest.map(|oldest| oldest.until(status.now)).unwrap_or_default();
    let share = u64::try_from(status.waiting_bytes).unwrap_or(0).saturating_mul(2);
    let is_high = share > limits.queued_bytes || age.saturating_mul(2) > limits.queued_age;
    let grade = if status.is_full {
        Grade::Problem
    } else if is_high || status.full_hooks > 0 {
        Grade::Warning
    } else {
        Grade::Ok
    };
    let words = match status.waiting {
        0 => "No deliveries waiting.".to_owned(),
        waiting => {
            let oldest = if age.is_zero() {
                String::new()
            } else {
                format!(" Oldest: {}.", readable_duration(age))
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
        1 => format!("{words} The queue of 1 hook is full; its new events are skipped."),
        full => {
            format!("{words} The queues of {full} hooks are full; their new events are skipped.")
        }
    };
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let limit = format!(
        "Per hook: {} or {}. Beyond that, its new events are skipped. In total: {} or {}. Beyond \
         that, new events are rejected.",
        size(limits.hook_bytes()),
        readable_duration(limits.hook_age()),
        size(limits.queued_bytes),
        readable_duration(limits.queued_age)
    );
    check("Queue", grade, words, limit)
}

/// Hooks that a person should look at.
fn failing_hooks(status: &Status) -> usize {
    let failing = status.hooks.iter().filter(|(status, _)| status.is_failing());
    failing.map(|(_, count)| count).sum()
}

fn hooks(status: &Status) -> Check {
    let all: usize = status.hooks.iter().map(|(_, count)| count).sum();
    let parts: Vec<_> = status.hooks.iter().filter(|(_, count)| *count > 0).collect();
    let parts = parts
        .iter()
        .map(|(status, count)| format!("{count} {}", status.word().to_lowercase()))
        .collect::<Vec<_>>();
    let words =
        if all == 0 { "No hooks yet.".to_owned() } else { format!("{}.", parts.join(", ")) };
    let grade = if failing_hooks(status) > 0 { Grade::Warning } else { Grade::Ok };
    check(HOOKS, grade, words, "Failing hooks are paused and their events are held.".to_owned())
}

/// What to do about a fault of the program.
const REPORT: &str = "Report this to the developers of service-hooks.";

fn balance(status: &Status) -> Check {
    let balance = &status.balance;
    let states = State::ALL.iter().filter(|state| balance.of(**state) > 0);
    let states = states
        .map(|state| format!("{} {}", grouped(balance.of(*state)), state.key()))
        .collect::<Vec<_>>()
        .join(" + ");
    let states = if states.is_empty() { "0".to_owned() } else { states };
    let sum = format!(
        "{} accepted = {states} + {} pruned",
        grouped(balance.accepted),
        grouped(balance.pruned)
    );
    if balance.holds() {
        return check(
            "Balance",
            Grade::Ok,
            format!("{sum}."),
            "Every accepted delivery is accounted for.".to_owned(),
        );
    }
    check(
        "Balance",
        Grade::Problem,
        format!(
            "Mismatch: {} accepted, but {} accounted for ({states} + {} pruned).",
            grouped(balance.accepted),
            grouped(balance.sum()),
            grouped(balance.pruned)
        ),
        format!("Back up the database. {REPORT}"),
    )
}

fn liveness(status: &Status) -> Check {
    let limit = "Each active hook must attempt its due deliveries within its time limit.";
    let Some(first) = status.overdue.first() else {
        let words = "All due deliveries are being attempted.";
        return check("Liveness", Grade::Ok, words.to_owned(), limit.to_owned());
    };
    let age = readable_duration(first.since.until(status.now));
    let others = match status.overdue.len() {
        1 => String::new(),
        all => format!(" {} affected.", count(i64::try_from(all).unwrap_or(i64::MAX), "hook")),
    };
    let words =
        format!("A delivery to {} has been due for {age} without an attempt.{others}", first.name);
    check("Liveness", Grade::Problem, words, format!("Restart the server. {REPORT}"))
}

fn database(status: &Status) -> Check {
    let (about, millis) = (&status.database, status.answered_in.as_millis());
    let grade = if millis > SLOW_MS { Grade::Warning } else { Grade::Ok };
    let mut words = format!(
        "{} {}, {}, responds in {millis} ms.",
        about.kind,
        about.version,
        bytes(about.bytes)
    );
    let mut limit = format!("{SLOW_MS} ms. Above that, deliveries slow down.");
    if let Some(files) = &about.files {
        let log = i64::try_from(files.log).unwrap_or(i64::MAX);
        words.push_str(&format!(
            " Unused: {}. Write-ahead log: {}.",
            bytes(files.free),
            bytes(log)
        ));
        if !files.shrinks {
            limit.push_str(
                " The file doesn't shrink automatically: run service-hooks doctor --compact once.",
            );
        }
    }
    check("Database", grade, words, limit)
}

/// The clocks of the servers that share a database, compared with the database's clock.
fn clock(status: &Status) -> Option<Check> {
    let skew = status.skew?;
    let worst =
        status.nodes.iter().map(|node| node.skew_ms.abs()).chain([skew.abs()]).max().unwrap_or(0);
    let others = status.nodes.iter().filter(|node| node.skew_ms.abs() > SKEWED_MS);
    let others = others
        .map(|node| format!(" The clock of server {} {}.", node.id, clock_skew(node.skew_ms)));
    let words = format!("This server's clock {}.{}", clock_skew(skew), others.collect::<String>());
    let grade = if worst > SKEWED_MS { Grade::Warning } else { Grade::Ok };
    Some(check(
        "Clock",
        grade,
        words,
        "1 s. Deliveries use the database's clock. Correct any other clock.".to_owned(),
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
        _ if is_full => Grade::Problem,
        0..NEARLY_FULL_PERCENT => Grade::Problem,
        NEARLY_FULL_PERCENT..FREE_PERCENT => Grade::Warning,
        _ if lacks => Grade::Warning,
        _ => Grade::Ok,
    };
    let mut words = format!("{} of {} free ({percent} %).", size(free), size(all));
    let needed = size(wanted.saturating_mul(2));
    if is_full && wanted == 0 {
        words.push_str(" New events are rejected. Free disk space.");
    } else if is_full {
        words.push_str(&format!(
            " New events are rejected until {needed} are free. Free disk space."
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
        format!(
            "{FREE_PERCENT} % free. When the disk is full, new events are rejected; no \
             accepted events are lost."
        ),
    ))
}

fn facts(status: &Status) -> Vec<(String, String)> {
    let settings = &status.settings;
    let facts = [
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Public URL", settings.public_url()),
        ("Payload retention", readable_duration(settings.retention.payloads)),
        ("Delivery retention", readable_duration(settings.retention.deliveries)),
        ("Attempt timeout", readable_duration(settings.delivery.timeout)),
        (
            "Plain HTTP",
            if settings.egress.allow_http { "Allowed" } else { "Not allowed" }.to_owned(),
        ),
    ];
    facts.into_iter().map(|(term, words)| (term.to_owned(), words)).collect()
}
