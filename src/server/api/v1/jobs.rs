//! `/api/v1/jobs`, and the two ways to begin one: recover what a hook missed, redeliver whatever
//! matches.

use axum::{
    Json,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Asked, Ctx, hooks::Window, id, shape::Listed};
use crate::{
    domain::{
        delivery::State,
        event::EventType,
        id::HookId,
        invalid::Invalid,
        job::{Job, JobState, Kind, Scope},
        permission::Permission,
        time::Timestamp,
    },
    server::{
        api::{
            body::{Members, Raw},
            problem::Problem,
        },
        ops::{self, jobs::Begin},
    },
};

#[derive(Serialize, ToSchema)]
pub struct JobShape {
    id: Uuid,
    /// redeliver or recover
    kind: &'static str,
    /// running, paused, done or cancelled
    state: &'static str,
    hook: Option<Uuid>,
    states: Vec<&'static str>,
    from: Option<String>,
    to: Option<String>,
    per_second: u32,
    /// Counted when it began.
    total: i64,
    done: i64,
    /// Settled otherwise in the meantime, or without a body to send.
    skipped: i64,
    created_by: String,
    created_at: String,
    updated_at: String,
    /// Why the portal paused it by itself.
    problem: Option<String>,
}

impl From<Job> for JobShape {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.0,
            kind: job.kind.key(),
            state: job.state.key(),
            hook: job.scope.hook.map(|hook| hook.0),
            states: job.scope.states.iter().map(|state| state.key()).collect(),
            from: job.scope.from.map(Timestamp::rfc3339),
            to: job.scope.to.map(Timestamp::rfc3339),
            per_second: job.per_second,
            total: job.total,
            done: job.done,
            skipped: job.skipped,
            created_by: job.created_by,
            created_at: job.created_at.rfc3339(),
            updated_at: job.updated_at.rfc3339(),
            problem: job.problem,
        }
    }
}

#[utoipa::path(post, path = "/api/v1/hooks/{id}/recover", params(("id" = String, Path)),
    request_body(content = Object,
    description = "since (RFC 3339), and any of until, states (failed, skipped, cancelled unless \
                   given), per_second, dry_run"),
    responses((status = 200, description = "what a dry run counted; `more`: there are more than \
        that"), (status = 202, body = JobShape),
              (status = 404, body = Problem), (status = 409, body = Problem), (status = 422,
                  body = Problem)))]
pub async fn recover(
    Ctx(ctx): Ctx,
    Path(hook): Path<String>,
    raw: Raw,
) -> Result<Response, Problem> {
    let hook: HookId = id(&hook, "hook")?;
    let mut members = Members::read(&raw)?;
    let from = moment(&mut members, "since");
    let to = moment(&mut members, "until");
    let states = states(&mut members, &[State::Failed, State::Skipped, State::Cancelled]);
    let scope = Scope { hook: Some(hook), from, to, states, ..Scope::default() };
    begin(&ctx, Kind::Recover, Selection { scope, is_named: true }, members).await
}

#[utoipa::path(post, path = "/api/v1/deliveries/redeliver", request_body(content = Object,
    description = "which settled deliveries: at least one of hook, event (an event's id or type), \
                   states (failed unless given), from, to; and per_second, dry_run"),
    responses((status = 200, description = "what a dry run counted; `more`: there are more than \
        that"), (status = 202, body = JobShape),
              (status = 404, body = Problem), (status = 409, body = Problem), (status = 422,
                  body = Problem)))]
pub async fn redeliver(Ctx(ctx): Ctx, raw: Raw) -> Result<Response, Problem> {
    let mut members = Members::read(&raw)?;
    let hook = readable(&mut members, "hook", "a hook's id", |text| text.parse().ok());
    let event = members.text("event");
    let event_type = event.as_deref().and_then(EventType::from_key);
    let event = match event.filter(|_| event_type.is_none()) {
        None => None,
        Some(text) => match text.parse() {
            Ok(event) => Some(event),
            Err(_) => {
                members.invalid.add("event", "format", "must be an event's id or an event type");
                None
            }
        },
    };
    let (from, to) = (moment(&mut members, "from"), moment(&mut members, "to"));
    let names_states = members.has("states");
    let states = states(&mut members, &[State::Failed]);
    let scope = Scope { hook, event, event_type, states, from, to, ..Scope::default() };
    let is_named =
        names_states || Scope { states: scope.states.clone(), ..Scope::default() } != scope;
    begin(&ctx, Kind::Redeliver, Selection { scope, is_named }, members).await
}

/// Which deliveries a request is for, and whether it says so itself.
struct Selection {
    scope: Scope,
    is_named: bool,
}

async fn begin(
    ctx: &crate::server::ctx::OpCtx,
    kind: Kind,
    Selection { scope, is_named }: Selection,
    mut members: Members,
) -> Result<Response, Problem> {
    let per_second = members.integer("per_second");
    let is_dry = members.flag("dry_run").unwrap_or(false);
    members.finish()?;
    // Who may not send again is told so before anything is said about the selection.
    ctx.require(Permission::DeliveriesReplay).map_err(ops::Error::from)?;
    // A preview sends nothing. A job over every hook's failures has to be asked for in so many
    // words.
    if !is_named && !is_dry {
        let message = "is required, or one of event, states, from, to: name what to send again";
        return Err(Invalid::one("hook", "required", message).into());
    }
    let begin = Begin { kind, scope, per_second };
    if is_dry {
        let count = ops::jobs::count(ctx, &begin).await?;
        let states: Vec<State> =
            State::ALL.iter().copied().filter(|state| count.of_state(*state) > 0).collect();
        let by_state: serde_json::Map<String, Value> = states
            .into_iter()
            .map(|state| (state.key().to_owned(), count.of_state(state).into()))
            .collect();
        let mut answer = json!({"total": count.total(), "by_state": by_state});
        if count.is_more {
            answer["more"] = true.into();
        }
        return Ok(Json(answer).into_response());
    }
    let job = ops::jobs::begin(ctx, begin).await?;
    Ok((StatusCode::ACCEPTED, Json(JobShape::from(job))).into_response())
}

#[utoipa::path(get, path = "/api/v1/jobs", params(("cursor" = Option<String>, Query),
    ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Listed<JobShape>)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Asked(window): Asked<Window>,
) -> Result<Json<Listed<JobShape>>, Problem> {
    let (cursor, limit) = window.read()?;
    let page = ops::jobs::page(&ctx, cursor, limit).await?.map(JobShape::from);
    Ok(Json(Listed { items: page.items, next_cursor: page.next_cursor }))
}

#[utoipa::path(get, path = "/api/v1/jobs/{id}", params(("id" = String, Path)),
    responses((status = 200, body = JobShape), (status = 404, body = Problem)))]
pub async fn find(Ctx(ctx): Ctx, Path(job): Path<String>) -> Result<Json<JobShape>, Problem> {
    Ok(Json(ops::jobs::find(&ctx, id(&job, "job")?).await?.into()))
}

#[utoipa::path(patch, path = "/api/v1/jobs/{id}", params(("id" = String, Path)),
    request_body(content = Object,
    description = "state (running, paused or cancelled) or per_second"),
    responses((status = 200, body = JobShape), (status = 404, body = Problem), (status = 422,
        body = Problem)))]
pub async fn update(
    Ctx(ctx): Ctx,
    Path(job): Path<String>,
    raw: Raw,
) -> Result<Json<JobShape>, Problem> {
    let job = id(&job, "job")?;
    let mut members = Members::read(&raw)?;
    let wanted = |text: &str| JobState::from_key(text).filter(|state| *state != JobState::Done);
    let state = readable(&mut members, "state", "running, paused or cancelled", wanted);
    let per_second = members.integer("per_second");
    members.finish()?;
    Ok(Json(ops::jobs::update(&ctx, job, state, per_second).await?.into()))
}

fn readable<T>(
    members: &mut Members,
    name: &str,
    wanted: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = members.text(name)?;
    let value = read(&text);
    if value.is_none() {
        members.invalid.add(name, "format", format!("must be {wanted}"));
    }
    value
}

fn moment(members: &mut Members, name: &str) -> Option<Timestamp> {
    readable(members, name, "a time in RFC 3339, such as 2026-11-22T14:00:00Z", Timestamp::parse)
}

fn states(members: &mut Members, usual: &[State]) -> Vec<State> {
    let Some(value) = members.value("states") else { return usual.to_vec() };
    let read = |value: &Value| State::from_key(value.as_str()?).filter(|state| state.is_final());
    let states =
        value.as_array().and_then(|states| states.iter().map(read).collect::<Option<Vec<_>>>());
    states.filter(|states| !states.is_empty()).unwrap_or_else(|| {
        let message = "must be a list of delivered, failed, skipped, cancelled";
        members.invalid.add("states", "format", message);
        Vec::new()
    })
}
