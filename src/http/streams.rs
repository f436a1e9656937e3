//! The event stream of open pages, `/live`: it sends the version of what pages show, and a page
//! that hears another version than its own reads its own address again. One stream serves all
//! windows of a browser (`browser/live.js`). It ends at shutdown and after five minutes; the
//! browser reconnects automatically and is authenticated again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, request::Parts},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures::stream;
use tower_sessions::session::Id;

use super::error_page;
use crate::{
    engine::clock::Stopwatch,
    portal::{
        auth::session,
        ctx::OpCtx,
        ops,
        request::{public_error, status_of},
    },
};

/// How often a stream looks for changes. All streams share one look at the database.
const TICK: Duration = Duration::from_millis(500);
/// The version is repeated this often, so that both ends notice a broken connection.
const BEAT: Duration = Duration::from_secs(5);
/// Maximum duration of a stream.
const LIFE: Duration = Duration::from_secs(300);
/// How long the browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

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

/// The last message sent, and its time.
type Sent = Option<(String, Stopwatch)>;

/// Sends the version at once, whenever it changes, and every [`BEAT`].
pub async fn live(viewer: Viewer) -> Response {
    if let Err(denied) = ops::live::version(&viewer.ctx).await {
        let error = public_error(denied);
        return error_page::with_words(status_of(&error), &error.to_string());
    }
    let age = viewer.ctx.portal.clock().stopwatch();
    let viewer = Arc::new(viewer);
    let events = stream::unfold(None, move |sent: Sent| {
        let viewer = viewer.clone();
        async move {
            let version = next_version(&viewer, age, &sent).await?;
            let event = Event::default().data(&version);
            // A browser takes the time to reconnect from any event.
            let event = if sent.is_none() { event.retry(RECONNECT) } else { event };
            let now = viewer.ctx.portal.clock().stopwatch();
            Some((Ok::<_, Infallible>(event), Some((version, now))))
        }
    });
    let mut response = Sse::new(events).into_response();
    // Tells a buffering proxy (nginx) to pass events on immediately.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Waits for the next version to send. `None`: the stream ends.
async fn next_version(viewer: &Viewer, age: Stopwatch, sent: &Sent) -> Option<String> {
    let portal = &viewer.ctx.portal;
    loop {
        if sent.is_some() {
            tokio::select! {
                () = portal.stopping.cancelled() => return None,
                () = tokio::time::sleep(TICK) => {}
            }
        }
        if age.elapsed() > LIFE || portal.stopping.is_cancelled() {
            return None;
        }
        let version = ops::live::version(&viewer.ctx).await.ok()?;
        let is_due = match sent {
            Some((last, at)) => *last != version || at.elapsed() >= BEAT,
            None => true,
        };
        if is_due {
            // Signing out is a commit too, so this is checked as soon as it has happened.
            return viewer.is_signed_in().await.then_some(version);
        }
    }
}
