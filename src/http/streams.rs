//! Server-sent events: what is new in the log, and how far a job is. A stream ends when the program
//! stops, and by itself after some minutes: the browser asks again by itself, and is judged again.

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
        permission::Permission,
    },
    engine::store::log::Search,
    portal::{
        auth::session,
        ctx::OpCtx,
        handlers, ops,
        request::{status_of, told},
    },
};

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);
/// How long a stream is kept.
const LIFE: Duration = Duration::from_secs(300);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Who watches. A stream ends within a second of their signing out, or of their losing their
/// account.
pub struct Viewer {
    ctx: OpCtx,
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
    async fn is_signed_in(&self) -> bool {
        let (Some(id), Some(user)) = (self.session, &self.ctx.user) else { return false };
        session::is_of(self.ctx.portal.store(), self.ctx.portal.clock(), id, user.id)
            .await
            .unwrap_or(false)
    }
}

/// News of all hooks.
pub async fn of_all(viewer: Viewer, Query(query): Query<LogQuery>) -> Response {
    news(viewer, query, None)
}

/// News of one hook.
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
    let error = told(error);
    error_page::of(status_of(&error), &error.to_string())
}

fn news(viewer: Viewer, query: LogQuery, own: Option<HookId>) -> Response {
    let ctx = &viewer.ctx;
    if let Err(denied) = ctx.require(Permission::DeliveriesRead) {
        return refuse(denied.into());
    }
    let after: DeliveryId = query.after.parse().unwrap_or(DeliveryId(uuid::Uuid::nil()));
    let (_, Ok(asked)) = handlers::log::read(ctx, query.at("", ""), own) else {
        return refuse(ops::Error::NotFound("list"));
    };
    let state = (asked.search, None::<DeliveryId>, None::<usize>);
    answer(viewer, state, move |ctx, state| Box::pin(look(ctx, after, state)))
}

type Looking = (Search, Option<DeliveryId>, Option<usize>);

/// A number, where it is another than the last.
async fn look(
    ctx: OpCtx,
    after: DeliveryId,
    (search, mut seen, said): Looking,
) -> Result<(Option<String>, Looking), ops::Error> {
    let count = ops::live::news(&ctx, &search, after, &mut seen).await?;
    let is_new = count.is_some() && count != said;
    let words = count.filter(|_| is_new).map(|count| {
        if count > ops::live::MOST as usize {
            format!("more than {}", ops::live::MOST)
        } else {
            count.to_string()
        }
    });
    Ok((words, (search, seen, count.or(said))))
}

/// How far a job is: `state|behind|all|words`.
pub async fn of_job(viewer: Viewer, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<JobId>() else { return refuse(ops::Error::NotFound("job")) };
    if let Err(error) = ops::live::job(&viewer.ctx, id).await {
        return refuse(error);
    }
    answer(viewer, String::new(), move |ctx, said| {
        Box::pin(async move {
            let job = ops::live::job(&ctx, id).await?;
            let (behind, all) = job.progress();
            let now = format!("{}|{behind}|{all}|{}", job.state.key(), job.words());
            Ok(((now != said).then(|| now.clone()), now))
        })
    })
}

type Look<S> = Pin<Box<dyn Future<Output = Result<(Option<String>, S), ops::Error>> + Send>>;

/// Looks once a second and tells what there is to tell.
fn answer<S: Send + 'static>(
    viewer: Viewer,
    state: S,
    look: impl Fn(OpCtx, S) -> Look<S> + Clone + Send + 'static,
) -> Response {
    let age = viewer.ctx.portal.clock().stopwatch();
    let viewer = Arc::new(viewer);
    let begin = (state, true);
    let events = stream::unfold(begin, move |(mut state, mut is_first)| {
        let (viewer, look) = (viewer.clone(), look.clone());
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
                let (told, next) = look(ctx.clone(), state).await.ok()?;
                state = next;
                if let Some(words) = told {
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
    // A proxy that gathers answers before it hands them on would hand on nothing.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}
