//! The reader's display settings: theme and time zone. A signed-in user has their own; others get
//! the theme of the browser's cookie, and UTC. Also reads the referring page.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Uri,
        header::{COOKIE, HOST, REFERER},
    },
};
use leptos::prelude::provide_context;

use crate::{
    domain::preferences::{Clockface, Preferences, Theme},
    portal::{
        auth::form_token::FormToken as Token, ctx::OpCtx, request::THEME_COOKIE, zones::Zone,
    },
    view::session::FormToken,
};

#[derive(Clone)]
pub struct Reader {
    theme: Theme,
    clock: Arc<dyn Clockface>,
    form_token: FormToken,
}

impl Reader {
    pub fn of(request: &Request) -> Self {
        let ctx = request.extensions().get::<OpCtx>();
        let user = ctx.and_then(|ctx| ctx.user.as_ref());
        let form_token = ctx.zip(user).map(|(ctx, user)| {
            Token::sealed(&ctx.portal.store().vault, ctx.portal.clock(), user.id)
        });
        let preferences = match user {
            Some(user) => user.preferences.clone(),
            None => {
                Preferences { theme: remembered_theme(request.headers()), ..Preferences::default() }
            }
        };
        Self {
            theme: preferences.theme,
            clock: Arc::new(Zone::of(&preferences)),
            form_token: FormToken(form_token.unwrap_or_default()),
        }
    }

    /// Provides theme, clock and form token as Leptos contexts for the shell and the widgets.
    pub fn provide(&self) {
        provide_context(self.theme);
        provide_context(self.clock.clone());
        provide_context(self.form_token.clone());
    }
}

/// The theme in the browser's cookie.
pub fn remembered_theme(headers: &HeaderMap) -> Theme {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs =
        cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let found =
        pairs.find(|(name, _)| *name == THEME_COOKIE).and_then(|(_, key)| Theme::from_key(key));
    found.unwrap_or_default()
}

/// Path and query of the `Referer`, if it is a page of this host.
pub fn came_from(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let referer = text(REFERER).and_then(|referer| referer.parse::<Uri>().ok());
    let is_ours = |uri: &Uri| uri.authority().map(|authority| authority.as_str()) == text(HOST);
    referer.filter(is_ours).and_then(|uri| uri.path_and_query().map(ToString::to_string))
}
