//! Server-sent events: new log entries, and a job's progress. A stream ends at shutdown and after
//! five minutes; the browser reconnects automatically and is authenticated again.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{StatusCode, request::Parts},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use tower_sessions::session::Id;

use super::error_page;
use crate::{
    domain::{
        id::{DeliveryId, HookId, JobId},
        log::LogQuery,
        permission::right,
    },
    engine::store::log::Search,
    portal::{
        auth::session,
        ctx::OpCtx,
        handlers, ops,
        request::{public_error, status_of},
    },
    view::words::jobs::progress,
};

/// Poll interval.
const TICK: Duration = Duration::from_secs(1);
/// Maximum duration of a stream.
const LIFE: Duration = Duration::from_secs(300);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The user of a stream. It ends within a second after they sign out or their account is disabled.
pub struct Viewer {
    pub(super) ctx: OpCtx,
    session: Option<Id>,
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let ctx = parts.extensions.get::<OpCtx>().cloned().ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self { ctx, session: session::of(&parts.extensions).and_then(|session| session.id()) })
    }
}

impl Viewer {
    pub(super) async fn is_signed_in(&self) -> bool {
        let (Some(id), Some(user)) = (self.session, &self.ctx.user) else { return false };
        session::is_of(self.ctx.portal.store(), self.ctx.portal.clock(), id, user.id)
            .await
            .unwrap_or(false)
    }
}

/// New deliveries of all hooks.
pub async fn of_all(viewer: Viewer, Query(query): Query<LogQuery>) -> Response {
    news(viewer, query, None)
}

/// New deliveries of one hook.
pub async fn of_hook(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(query): Query<LogQuery>,
) -> Response {
    match id.parse() {
        Ok(id) => news(viewer, query, Some(id)),
        Err(_) => refuse(ops::Error::NotFound("hook")),
    }
}

fn refuse(error: ops::Error) -> Response {
    let error = public_error(error);
    error_page::with_words(status_of(&error), &error.to_string())
}

fn news(viewer: Viewer, query: LogQuery, own: Option<HookId>) -> Response {
    let ctx = &viewer.ctx;
    if let Err(denied) = ctx.require(right::DeliveriesRead) {
        return refuse(denied.into());
    }
    let after: DeliveryId = query.after.parse().unwrap_or(DeliveryId(uuid::Uuid::nil()));
    let (_, Ok(request)) = handlers::log::read(ctx, query.at("", ""), own) else {
        return refuse(ops::Error::NotFound("list"));
    };
    let state = (request.search, None::<DeliveryId>, None::<usize>);
    stream_events(viewer, state, move |ctx, state| Box::pin(poll_news(ctx, after, state)))
}

/// The search, the newest delivery at the last poll, and the number that was sent last.
type NewsState = (Search, Option<DeliveryId>, Option<usize>);

/// Counts the new deliveries; an event is due if the number has changed.
async fn poll_news(
    ctx: OpCtx,
    after: DeliveryId,
    (search, mut seen, last_sent): NewsState,
) -> Result<(Option<String>, NewsState), ops::Error> {
    let count = ops::live::news(&ctx, &search, after, &mut seen).await?;
    let is_new = count.is_some() && count != last_sent;
    let words = count.filter(|_| is_new).map(|count| {
        if count > ops::live::MOST as usize {
            format!("more than {}", ops::live::MOST)
        } else {
            count.to_string()
        }
    });
    Ok((words, (search, seen, count.or(last_sent))))
}

/// Progress of a job: `state|behind|all|words`.
pub async fn of_job(viewer: Viewer, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<JobId>() else { return refuse(ops::Error::NotFound("job")) };
    if let Err(error) = ops::live::job(&viewer.ctx, id).await {
        return refuse(error);
    }
    stream_events(viewer, String::new(), move |ctx, last_sent| {
        Box::pin(async move {
            let (job, results) = ops::live::job(&ctx, id).await?;
            let (behind, all) = job.progress();
            let words = progress(&job, &results);
            let current = format!("{}|{behind}|{all}|{words}", job.state.key());
            Ok(((current != last_sent).then(|| current.clone()), current))
        })
    })
}

/// One poll: the text to send, if any, and the next state.
type Poll<S> = Pin<Box<dyn Future<Output = Result<(Option<String>, S), ops::Error>> + Send>>;

/// Polls once a second and sends an event when there is one.
fn stream_events<S: Send + 'static>(
    viewer: Viewer,
    state: S,
    poll: impl Fn(OpCtx, S) -> Poll<S> + Clone + Send + 'static,
) -> Response {
    let age = viewer.ctx.portal.clock().stopwatch();
    let viewer = Arc::new(viewer);
    let initial = (state, true);
    let events = stream::unfold(initial, move |(mut state, mut is_first)| {
        let (viewer, poll) = (viewer.clone(), poll.clone());
        async move {
            let ctx = &viewer.ctx;
            loop {
                if !is_first {
                    tokio::select! {
                        () = ctx.portal.stopping.cancelled() => return None,
                        () = tokio::time::sleep(TICK) => {}
                    }
                }
                is_first = false;
                let is_over = age.elapsed() > LIFE || ctx.portal.stopping.is_cancelled();
                if is_over || !viewer.is_signed_in().await {
                    return None;
                }
                let (text, next) = poll(ctx.clone(), state).await.ok()?;
                state = next;
                if let Some(words) = text {
                    return Some((
                        Ok::<_, Infallible>(Event::default().data(words)),
                        (state, false),
                    ));
                }
            }
        }
    });
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Tells a buffering proxy (nginx) to pass events on immediately.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}
