//! The answer to a form that is posted without a session: the sign-in page, which leads back. What
//! was typed into a form with a valid token is kept until its user has signed in again. Cross-site
//! requests never come here: the checks of the origin are outside of this.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderValue,
        header::{ORIGIN, SET_COOKIE},
        request::Parts,
    },
    response::{IntoResponse, Redirect, Response},
};

use super::{origin::FETCH_SITE, reader::came_from, rpc::FORM_LIMIT};
use crate::{
    http::api::body::bounded,
    portal::{
        auth::{
            client::network,
            form_token::{self, FormToken},
            kept::{KEPT, KeptForms},
        },
        ctx::Portal,
        handlers::resume,
        ops::kept::{self, Kept},
        request::local,
    },
};

/// Redirects to the sign-in page. `client` is the address that the rate limit counts.
pub async fn sign_in_again(portal: &Arc<Portal>, client: IpAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let page = came_from(&parts.headers).filter(|path| local(path) == path);
    let encoded =
        |path: &str| url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
    if let Some((form, cookie)) = keep(portal, client, &parts, body).await {
        let next = encoded(&format!("/resume?form={form}"));
        let mut response =
            Redirect::to(&format!("/sign-in?ended=kept&next={next}")).into_response();
        response.headers_mut().append(SET_COOKIE, cookie);
        return response;
    }
    match page {
        Some(page) => Redirect::to(&format!("/sign-in?ended=page&next={}", encoded(&page))),
        None => Redirect::to("/sign-in"),
    }
    .into_response()
}

/// Keeps the form, if it is one whose values can be shown again and its token is valid. Returns its
/// id and the cookie that finds it.
async fn keep(
    portal: &Arc<Portal>,
    client: IpAddr,
    parts: &Parts,
    body: Body,
) -> Option<(String, HeaderValue)> {
    let function = resume::kept_function(parts.uri.path())?;
    // A browser says where its form comes from; what it says was checked before.
    [ORIGIN, FETCH_SITE].iter().find(|name| parts.headers.contains_key(*name))?;
    let (clock, vault) = (portal.clock(), &portal.store().vault);
    // Before the body is read: it may be as large as that of a user who is signed in.
    let _permit = portal.kept_forms.take(&network(client).to_string(), clock.now()).ok()?;
    let is_https = portal.settings.public_url().starts_with("https://");
    let known: KeptForms = KEPT.read(vault, clock, is_https, &parts.headers).unwrap_or_default();
    let body = bounded(body, FORM_LIMIT).await.ok()?;
    let token = {
        let mut fields = url::form_urlencoded::parse(&body);
        let (_, sealed) = fields.find(|(name, _)| name == form_token::FIELD)?;
        FormToken::open(vault, clock, &sealed)?
    };
    let body = String::from_utf8(body.to_vec()).ok()?;
    let form = Kept { owner: token.user, function: function.to_owned(), body };
    let (id, secret) = match kept::keep(portal, &form).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "failed to keep a form whose session has ended");
            return None;
        }
    };
    let cookie = KEPT.keep(vault, clock, is_https, &known.with(id, secret))?;
    Some((id.to_string(), cookie))
}
