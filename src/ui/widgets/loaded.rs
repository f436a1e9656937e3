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

/// Why there is nothing to see here, and what to do.
#[component]
fn Failure(error: Error) -> impl IntoView {
    let (title, words) = match &error {
        Error::SignIn => ("Sign in first", "Your session has ended.".to_owned()),
        Error::Forbidden { permission, words } => (
            "You may not see this",
            format!(
                "Your role does not let you {words}. An administrator can give you a role with the permission {permission}."
            ),
        ),
        Error::NotFound { what } => {
            ("Not found", format!("There is no such {what}. It may have been deleted, or the address is incomplete."))
        }
        error => ("That did not work", error.to_string()),
    };
    let is_forbidden = matches!(error, Error::Forbidden { .. });
    view! {
        <Title text=title/>
        <section class="failure">
            <h1>{title}</h1>
            <p>{words}</p>
            {(!is_forbidden).then(|| view! { <p><a href="/integration/hooks">"Go to the service hooks"</a></p> })}
        </section>
    }
}
