//! Server-sent events: what is new in the log, and how far a job is. A stream ends when the program stops, and by itself
//! after some minutes: the browser asks again by itself, and is judged again.

use std::{convert::Infallible, future::Future, pin::Pin, time::Duration};

use axum::{
    extract::{Extension, Path, Query},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;

use super::error_page;
use crate::{
    domain::{
        id::{DeliveryId, HookId, JobId},
        log::LogQuery,
        permission::Permission,
    },
    engine::store::log::Search,
    server::{
        ctx::OpCtx,
        forms, ops,
        seam::{status_of, told},
    },
};

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);
/// How long a stream is kept.
const LIFE: Duration = Duration::from_secs(300);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// News of all hooks.
pub async fn of_all(Extension(ctx): Extension<OpCtx>, Query(query): Query<LogQuery>) -> Response {
    news(ctx, query, None)
}

/// News of one hook.
pub async fn of_hook(
    Extension(ctx): Extension<OpCtx>,
    Path(id): Path<String>,
    Query(query): Query<LogQuery>,
) -> Response {
    match id.parse() {
        Ok(id) => news(ctx, query, Some(id)),
        Err(_) => refuse(ops::Error::NotFound("hook")),
    }
}

fn refuse(error: ops::Error) -> Response {
    let error = told(error);
    error_page::of(status_of(&error), &error.to_string())
}

fn news(ctx: OpCtx, query: LogQuery, own: Option<HookId>) -> Response {
    if let Err(denied) = ctx.require(Permission::DeliveriesRead) {
        return refuse(denied.into());
    }
    let after: DeliveryId = query.after.parse().unwrap_or(DeliveryId(uuid::Uuid::nil()));
    let (_, Ok(asked)) = forms::log::read(&ctx, query.at("", ""), own) else {
        return refuse(ops::Error::NotFound("list"));
    };
    let state = (asked.search, None::<DeliveryId>, None::<usize>);
    answer(ctx, state, move |ctx, state| Box::pin(look(ctx, after, state)))
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
        if count > ops::live::MOST as usize { format!("more than {}", ops::live::MOST) } else { count.to_string() }
    });
    Ok((words, (search, seen, count.or(said))))
}

/// How far a job is: `state|behind|all|words`.
pub async fn of_job(Extension(ctx): Extension<OpCtx>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<JobId>() else { return refuse(ops::Error::NotFound("job")) };
    if let Err(error) = ops::live::job(&ctx, id).await {
        return refuse(error);
    }
    answer(ctx, String::new(), move |ctx, said| {
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
    ctx: OpCtx,
    state: S,
    look: impl Fn(OpCtx, S) -> Look<S> + Clone + Send + 'static,
) -> Response {
    let age = ctx.portal.clock().stopwatch();
    let begin = (state, true);
    let events = stream::unfold(begin, move |(mut state, mut is_first)| {
        let (ctx, look) = (ctx.clone(), look.clone());
        async move {
            loop {
                if !is_first {
                    tokio::select! {
                        () = ctx.portal.stopping.cancelled() => return None,
                        () = tokio::time::sleep(TICK) => {}
                    }
                }
                is_first = false;
                if age.elapsed() > LIFE || ctx.portal.stopping.is_cancelled() {
                    return None;
                }
                let (told, next) = look(ctx.clone(), state).await.ok()?;
                state = next;
                if let Some(words) = told {
                    return Some((Ok::<_, Infallible>(Event::default().data(words)), (state, false)));
                }
            }
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // A proxy that gathers answers before it hands them on would hand on nothing.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}
