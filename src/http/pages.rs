//! Server-side rendering of the pages of `app`. May import `app`, `ui`'s data and the portal.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Extension, Request},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{Redirect, Response},
    routing::get,
};
use leptos::prelude::{LeptosOptions, provide_context};
use leptos_axum::{ResponseOptions, generate_route_list};

use super::{compress::ShowsSecret, headers, reader::Reader, site};
use crate::{
    app::{App, Live, shell},
    domain::permission::Permission,
    portal::ctx::{OpCtx, Portal},
    view::{Error, assets::AssetVersion},
};

/// Redirects to the first page that the user may see.
pub async fn home(Extension(ctx): Extension<OpCtx>) -> Redirect {
    Redirect::to(if ctx.may(Permission::HooksRead) { "/integration/hooks" } else { "/account" })
}

/// Routes of all pages, as `app` lists them.
pub fn router() -> Router<Arc<Portal>> {
    paths().iter().fold(Router::new(), |router, path| router.route(path, get(render_page)))
}

/// All page paths. Tests request each of them.
pub fn paths() -> Vec<String> {
    generate_route_list(App).iter().map(|listing| listing.path().to_owned()).collect()
}

/// Query parameters of pages that may show a secret: one just created or revealed, or in a draft.
const SECRET_PARAMS: &[&str] = &["secrets=", "draft="];

pub async fn render_page(request: Request) -> Response {
    render(request, None).await
}

/// Renders the app for a request. With an error, renders the page that explains it.
pub async fn render(request: Request, fault: Option<Error>) -> Response {
    let options = LeptosOptions::builder().output_name("service-hooks").build();
    let reader = Reader::of(&request);
    let live = if fault.is_none() { live(&request) } else { None };
    let context = move || {
        page_context();
        reader.provide();
        if let Some(live) = live.clone() {
            provide_context(live);
        }
        if let Some(fault) = fault.clone() {
            provide_context(fault);
        }
    };
    let render =
        leptos_axum::render_app_async_with_context(context, move || shell(options.clone()));
    let shows_secret = request
        .uri()
        .query()
        .is_some_and(|query| SECRET_PARAMS.iter().any(|name| query.contains(name)));
    let mut response = enclose_scripts(render(request).await).await;
    if shows_secret {
        response.extensions_mut().insert(ShowsSecret);
    }
    // A page that sets `Location` is a redirect, whatever it has rendered.
    if response.status() == StatusCode::OK && response.headers().contains_key("location") {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}

/// What the page needs to follow changes, for a signed-in user.
fn live(request: &Request) -> Option<Live> {
    let ctx = request.extensions().get::<OpCtx>()?;
    let reader = ctx.user.as_ref()?.id.to_string();
    let (version, now) = (ctx.portal.dispatcher.last_version(), ctx.portal.clock().now());
    Some(Live { version, now, reader })
}

/// The end of the document.
const END: &str = "</body></html>";

/// Leptos writes the data of islands after the end of the document. Puts it inside: the page is
/// complete when it is sent, so it is in memory anyway.
async fn enclose_scripts(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered to its end");
            return Response::from_parts(parts, Body::empty());
        }
    };
    let enclosed = std::str::from_utf8(&bytes).ok().and_then(enclosed);
    Response::from_parts(parts, enclosed.map_or_else(|| Body::from(bytes), Body::from))
}

/// The same HTML with nothing after its end; `None`: there was nothing.
fn enclosed(html: &str) -> Option<String> {
    let (document, after) = html.split_once(END)?;
    (!after.is_empty()).then(|| format!("{document}{after}{END}"))
}

/// Provides the asset version to the page, and sets the content security policy with its nonce.
fn page_context() {
    provide_context(AssetVersion(site::version().to_owned()));
    let nonce = leptos::nonce::use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    let policy = headers::page_policy(&nonce);
    if let (Some(response), Ok(policy)) =
        (leptos::prelude::use_context::<ResponseOptions>(), HeaderValue::from_str(&policy))
    {
        response.insert_header(HeaderName::from_static("content-security-policy"), policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_after_the_end_of_a_document() {
        let html = "<html><body>a</body></html><!><script>b</script>";
        let expected = "<html><body>a<!><script>b</script></body></html>";
        assert_eq!(enclosed(html).as_deref(), Some(expected));
        assert_eq!(enclosed(expected), None);
        assert_eq!(enclosed("not a page"), None);
    }
}
