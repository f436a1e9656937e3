//! The pages about jobs: the form for missed events with its preview, the start of a job, and its
//! progress. Start at [`recover`] and [`begin`].

use std::{collections::HashMap, time::Duration};

use super::{
    flash,
    found::{or_tombstone, parse_id},
};
use crate::{
    domain::{
        event::EventType,
        hook::Hook,
        id::{HookId, JobId},
        invalid::Invalid,
        job::{DEFAULT_PACE, Job, JobState, Kind, Scope},
        job_results::JobResults,
        log::AnswerGroup,
        permission::{Permission, right},
        recovery::RecoverForm,
        time::Timestamp,
    },
    portal::{
        ctx::OpCtx,
        ops::{self, jobs::Begin},
        request::{Request, redirect, request},
    },
    view::{
        Error,
        jobs::{DryRun, JobList, JobPage, RecoverHook, RecoverPage, Span},
        session::FlashKind,
        words::{deliveries::DELETED_HOOK, jobs as words},
    },
};

const HOUR: u64 = 3600;
/// Key, label and length of the time ranges that every form offers.
const SPANS: &[(&str, &str, u64)] = &[
    ("1h", "Last hour", HOUR),
    ("24h", "Last 24 hours", 24 * HOUR),
    ("7d", "Last 7 days", 7 * 24 * HOUR),
];
/// The default time range.
const DEFAULT_SPAN: &str = "24h";
/// Jobs on a page.
const ROWS: u32 = 30;

/// The form for missed events of a hook, or of all hooks if `id` is empty.
pub async fn recover(id: &str, form: RecoverForm) -> Result<RecoverPage, Error> {
    let request = request()?;
    let read = recover_page(&request.ctx, id, form).await;
    request.respond(or_tombstone(&request.ctx, id, read).await)
}

async fn recover_page(
    ctx: &OpCtx,
    id: &str,
    mut form: RecoverForm,
) -> Result<RecoverPage, ops::Error> {
    ctx.require(right::DeliveriesReplay)?;
    let hook = hook_of(ctx, id).await?;
    let is_new = form.is_new();
    let spans = spans(ctx, hook.as_ref()).await?;
    // The first range is the most likely one: since the hook was turned off, or began to fail.
    if form.since.is_empty() && is_new {
        form.since = spans.first().map_or(DEFAULT_SPAN, |span| &span.key).to_owned();
        if !has_own_span(&spans) {
            DEFAULT_SPAN.clone_into(&mut form.since);
        }
    }
    if is_new {
        (form.failed, form.skipped) = ("true".to_owned(), "true".to_owned());
    }
    if form.pace.is_empty() {
        form.pace = DEFAULT_PACE.to_string();
    }
    let running = ops::jobs::running(ctx, hook.as_ref().map(|hook| hook.id)).await?;
    let (dry_run, errors) = match parse(ctx, &mut form, hook.as_ref().map(|hook| hook.id), &spans) {
        Err(errors) => (None, errors),
        Ok(begin) => (Some(dry_run(ctx, &form, begin).await?), Invalid::default()),
    };
    let hook = match hook {
        Some(hook) => Some(brief(ctx, hook).await?),
        None => None,
    };
    Ok(RecoverPage {
        from: super::datetime::local(ctx, &form.from),
        to: super::datetime::local(ctx, &form.to),
        zone: super::datetime::zone(ctx),
        hook,
        spans,
        errors,
        dry_run,
        running: running.map(|job| job.to_string()),
        now: ctx.portal.clock().now(),
        form,
    })
}

/// The hook; `None` for all hooks.
async fn hook_of(ctx: &OpCtx, id: &str) -> Result<Option<Hook>, ops::Error> {
    if id.is_empty() {
        return Ok(None);
    }
    Ok(Some(ops::jobs::hook(ctx, parse_id(id)?).await?))
}

/// What the form's page shows about the hook.
async fn brief(ctx: &OpCtx, hook: Hook) -> Result<RecoverHook, ops::Error> {
    let health = ops::jobs::health(ctx, hook.id).await?;
    Ok(RecoverHook {
        id: hook.id.to_string(),
        name: hook.name,
        url: hook.callback_url,
        enabled: hook.enabled,
        paused_since: health.paused.map(|pause| pause.since),
    })
}

/// The preview of a job: counts by time, outcome and last response.
async fn dry_run(ctx: &OpCtx, form: &RecoverForm, begin: Begin) -> Result<DryRun, ops::Error> {
    let now = ctx.portal.clock().now();
    let spread = ops::jobs::spread(ctx, &begin).await?;
    let (from, to) = (begin.scope.from, begin.scope.to.map_or(now, |to| to.min(now)));
    // Absolute times: the job redelivers exactly what the preview counted.
    let exact = RecoverForm {
        since: "exact".to_owned(),
        from: from.map(Timestamp::rfc3339).unwrap_or_default(),
        to: to.rfc3339(),
        zone: String::new(),
        ..form.clone()
    };
    let per_second =
        begin.per_second.and_then(|pace| u32::try_from(pace).ok()).unwrap_or(DEFAULT_PACE);
    Ok(DryRun { from, to, count: spread.count(), spread, per_second, exact })
}

/// The time ranges to choose from. Those since the hook's last failure or switch-off come first.
async fn spans(ctx: &OpCtx, hook: Option<&Hook>) -> Result<Vec<Span>, ops::Error> {
    let now = ctx.portal.clock().now();
    let span =
        |key: &str, words: &str, from| Span { key: key.to_owned(), words: words.to_owned(), from };
    let mut spans = Vec::new();
    if let Some(hook) = hook {
        let health = ops::jobs::health(ctx, hook.id).await?;
        if let Some(since) = ops::jobs::off_since(ctx, hook.id).await? {
            spans.push(span("off", "Since it was turned off", Some(since)));
        }
        if let Some(since) = health.failing_since {
            spans.push(span("streak", "Since the first failure", Some(since)));
        }
    }
    spans.extend(SPANS.iter().map(|(key, words, seconds)| {
        span(key, words, Some(now.before(Duration::from_secs(*seconds))))
    }));
    spans.push(span("exact", "Custom", None));
    Ok(spans)
}

/// Does the hook have a range of its own, since its last failure or switch-off?
fn has_own_span(spans: &[Span]) -> bool {
    spans.iter().any(|span| matches!(span.key.as_str(), "streak" | "off"))
}

/// Parses and validates the form.
fn parse(
    ctx: &OpCtx,
    form: &mut RecoverForm,
    hook: Option<HookId>,
    spans: &[Span],
) -> Result<Begin, Invalid> {
    let mut invalid = Invalid::default();
    let span = spans.iter().find(|span| span.key == form.since);
    invalid.add_unless(span.is_some(), "since", "Choose a time range.");
    let (mut from, mut to) = (span.and_then(|span| span.from), None);
    if form.since == "exact" {
        let zone = std::mem::take(&mut form.zone);
        (from, to) =
            super::datetime::range(ctx, (&mut form.from, &mut form.to), &zone, &mut invalid);
    }
    let states = form.states();
    if states.is_empty() {
        invalid.add("failed", "required", "Choose at least one status.");
    }
    let pace = form.pace.trim().parse::<i64>();
    invalid.add_unless(pace.is_ok(), "pace", "Enter a whole number of events per second.");
    let pace = pace.ok();
    if let Err(wrong) = ops::jobs::validate_pace(pace) {
        let message = wrong.message("per_second").unwrap_or_default();
        invalid.add("pace", "range", format!("The rate {message}."));
    }
    let answer = AnswerGroup::from_key(&form.answer);
    invalid.add_unless(
        answer.is_some() || form.answer.is_empty(),
        "answer",
        "Choose a response from the list.",
    );
    let event = form.event.trim().parse().ok();
    invalid.add_unless(
        event.is_some() || form.event.is_empty(),
        "event",
        "Enter a complete event ID: 36 characters.",
    );
    let event_type = EventType::from_key(&form.event_type);
    invalid.add_unless(
        event_type.is_some() || form.event_type.is_empty(),
        "event_type",
        "Choose an event type from the list.",
    );
    let kind = if hook.is_some() && from.is_some() { Kind::Recover } else { Kind::Redeliver };
    let scope = Scope { hook, event, event_type, states, answer, from, to };
    invalid.or(Begin { kind, scope, per_second: pace })
}

/// Starts the job of a preview and redirects to it.
pub async fn begin(id: &str, mut form: RecoverForm, token: &str) -> Result<(), Error> {
    let request = request()?;
    let ctx = &request.ctx;
    request.respond(ctx.require(right::DeliveriesReplay).map_err(ops::Error::from))?;
    let hook = request.respond(hook_of(ctx, id).await)?;
    let spans = request.respond(spans(ctx, hook.as_ref()).await)?;
    let path = match &hook {
        Some(hook) => format!("/integration/hooks/{}/recover", hook.id),
        None => "/integration/deliveries/recover".to_owned(),
    };
    let begin = match parse(ctx, &mut form, hook.as_ref().map(|hook| hook.id), &spans) {
        Ok(begin) => begin,
        // The form's page validates again, and shows the errors beside the values.
        Err(_) => {
            redirect(&form.address(&path));
            return Ok(());
        }
    };
    let job = match ops::jobs::begin_once(ctx, request.form_nonce(token), begin).await {
        Err(ops::Error::Overlaps { job }) => return overlaps(&request, job).await,
        begun => request.respond(begun)?,
    };
    flash(&request, FlashKind::Done, words::started(job.total)).await;
    redirect(&format!("/integration/jobs/{}", job.id));
    Ok(())
}

/// Nothing was started: redirects to the job that covers the same deliveries.
async fn overlaps(request: &Request, job: JobId) -> Result<(), Error> {
    flash(request, FlashKind::Warning, words::OVERLAPS).await;
    redirect(&format!("/integration/jobs/{job}"));
    Ok(())
}

/// A job with the name of its hook.
fn page_of(
    ctx: &OpCtx,
    (job, results): (Job, JobResults),
    names: &HashMap<HookId, String>,
) -> JobPage {
    let name = job.scope.hook.map(|hook| names.get(&hook).cloned());
    JobPage {
        has_hook: name.as_ref().is_some_and(Option::is_some),
        hook: name.map(|name| name.unwrap_or_else(|| DELETED_HOOK.to_owned())),
        job,
        results,
        may_change: ctx.may(Permission::DeliveriesReplay),
        may_switch: ctx.may(Permission::HooksWrite),
        now: ctx.portal.clock().now(),
    }
}

fn job_id(id: &str) -> Result<JobId, ops::Error> {
    id.parse().map_err(|_| ops::Error::NotFound("job"))
}

/// The page of a job.
pub async fn detail(id: &str) -> Result<JobPage, Error> {
    let request = request()?;
    let found = async {
        let job = ops::live::job(&request.ctx, job_id(id)?).await?;
        let names = ops::log::hook_names(&request.ctx).await?;
        Ok(page_of(&request.ctx, job, &names))
    };
    let found = found.await;
    request.respond(found)
}

/// A page of jobs, newest first.
pub async fn list(before: &str) -> Result<JobList, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let page =
        request.respond(ops::jobs::page_with_results(ctx, before.parse().ok(), ROWS).await)?;
    let names = request.respond(ops::log::hook_names(ctx).await)?;
    let jobs = page.items.into_iter().map(|job| page_of(ctx, job, &names)).collect();
    let older = page.next_cursor.map(|cursor| format!("/integration/jobs?before={cursor}"));
    Ok(JobList { jobs, older, now: ctx.portal.clock().now() })
}

/// Pauses, resumes or cancels a job.
pub async fn move_to(id: &str, state: &str) -> Result<(), Error> {
    let request = request()?;
    let wanted = JobState::from_key(state).filter(|state| *state != JobState::Done);
    let moved = async {
        request.ctx.require(right::DeliveriesReplay)?;
        let id = job_id(id)?;
        let wanted = wanted.ok_or_else(|| {
            Invalid::one("state", "unknown", "must be running, paused or cancelled")
        });
        ops::jobs::update(&request.ctx, id, Some(wanted?), None).await
    };
    match moved.await {
        // The job ended before the button was pressed.
        Err(ops::Error::Invalid(invalid)) if wanted.is_some() => {
            let message = invalid.0.first().map(|it| it.message.as_str()).unwrap_or_default();
            flash(&request, FlashKind::Warning, words::not_changed(message)).await;
        }
        Err(ops::Error::Overlaps { job }) => return overlaps(&request, job).await,
        Err(error) => return request.respond(Err(error)),
        Ok(job) => {
            flash(&request, FlashKind::Done, words::changed(job.state)).await;
        }
    }
    redirect(&format!("/integration/jobs/{id}"));
    Ok(())
}
