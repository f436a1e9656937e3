//! Content that has to be read first. The page waits for it on the server; what could not be read is said in its place.

use std::future::Future;

use leptos::prelude::*;
use leptos_meta::Title;

use crate::rpc::Error;

/// Shows what `read` brings, or why it did not.
pub fn loaded<T, V>(
    read: impl Future<Output = Result<T, Error>> + Send + 'static,
    show: impl FnOnce(T) -> V + Send + 'static,
) -> impl IntoView
where
    T: Send + 'static,
    V: IntoView + 'static,
{
    // Not in a closure: that could run more than once, and a read may do something (it takes the flash, for one).
    let content = Suspend::new(async move {
        match read.await {
            Ok(value) => show(value).into_any(),
            Err(error) => view! { <Failure error/> }.into_any(),
        }
    });
    view! { <Suspense fallback=|| ()>{content}</Suspense> }
}

/// Why there is nothing to see here. The frame around it offers the way on.
#[component]
pub fn Failure(error: Error) -> impl IntoView {
    let title = error.title().to_owned();
    view! {
        <Title text=title.clone()/>
        <section class="failure">
            <h1>{title}</h1>
            <Explained error/>
        </section>
    }
}

/// What happened and what to do next.
#[component]
pub fn Explained(error: Error) -> impl IntoView {
    let link = match error {
        Error::SignIn => Some(("/sign-in", "Sign in")),
        Error::NotFound { .. } => Some(("/", "Go to the first page")),
        _ => None,
    };
    view! {
        <p>{error.advice()}</p>
        {link.map(|(href, words)| view! { <p><a href=href>{words}</a></p> })}
    }
}
