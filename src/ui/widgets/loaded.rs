//! Content that is read first: the server waits for it and shows an error in its place if the read
//! fails.

use std::future::Future;

use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    datetime::ExactDateTime,
    icon::{Icon, IconName},
};
use crate::view::Error;

/// Shows the result of `read`, or its error.
pub fn loaded<T, V>(
    read: impl Future<Output = Result<T, Error>> + Send + 'static,
    show: impl FnOnce(T) -> V + Send + 'static,
) -> impl IntoView
where
    T: Send + 'static,
    V: IntoView + 'static,
{
    // Not in a closure, which could run more than once: a read may have effects, such as taking the
    // flash.
    let content = Suspend::new(async move {
        match read.await {
            Ok(value) => show(value).into_any(),
            Err(error) => view! { <Failure error/> }.into_any(),
        }
    });
    view! { <Suspense fallback=|| ()>{content}</Suspense> }
}

/// The error page inside of the frame.
#[component]
pub fn Failure(error: Error) -> impl IntoView {
    let title = error.title().to_owned();
    let icon = match &error {
        Error::NotFound { .. } => IconName::Search,
        Error::Deleted { .. } => IconName::Delete,
        Error::SignIn | Error::Forbidden { .. } => IconName::Key,
        Error::Busy { .. } => IconName::Waiting,
        _ => IconName::Warning,
    };
    view! {
        <Title text=title.clone()/>
        <section class="failure">
            <Icon name=icon/>
            <h1>{title}</h1>
            <Explained error/>
        </section>
    }
}

/// What happened and what to do next.
#[component]
pub fn Explained(error: Error) -> impl IntoView {
    let link = |href: &str, words| Some((href.to_owned(), words));
    let links = match &error {
        Error::SignIn => [link("/sign-in", "Sign in"), None],
        Error::NotFound { .. } => [link("/", "Go to Service hooks"), None],
        Error::Deleted { id, .. } => [
            link(&format!("/integration/deliveries?hook={id}"), "View its deliveries"),
            link("/integration/hooks", "Go to Service hooks"),
        ],
        _ => [None, None],
    };
    let deleted = match &error {
        Error::Deleted { at, by, .. } => {
            let by = by.clone().map(|by| view! { " by " <b>{by}</b> });
            Some(view! { <p>"Deleted at " <ExactDateTime at=*at/> {by} "."</p> })
        }
        _ => None,
    };
    let links: Vec<_> = links
        .into_iter()
        .flatten()
        .map(|(href, words)| view! { <a class="button" href=href>{words}</a> })
        .collect();
    view! {
        {deleted}
        <p>{error.advice()}</p>
        {(!links.is_empty()).then(|| view! { <p class="buttons">{links}</p> })}
    }
}
