//! The reader's saved views of the list: links, and the forms that save and remove them.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::{
    rpc::log::{RemoveView, SaveView},
    view::log::LogPage,
};

#[component]
pub fn Views(page: LogPage) -> impl IntoView {
    let query = page.query.at("", "").address("").trim_start_matches('?').to_owned();
    let may_save = !query.is_empty() && page.errors.is_empty();
    if page.views.is_empty() && !may_save {
        return ().into_any();
    }
    let links = page.views.iter().map(|saved| {
        let current = (saved.query == query).then_some("true");
        let href = format!("{}?{}", page.path, saved.query);
        view! { <a class="chip" href=href aria-current=current>{saved.name.clone()}</a> }
    });
    let removals = page.views.iter().map(|saved| {
        view! {
            <form method="post" action=RemoveView::url()>
                <input type="hidden" name="id" value=saved.id.clone()/>
                <button class="quiet" type="submit">"Remove " {saved.name.clone()}</button>
            </form>
        }
    });
    let has_views = !page.views.is_empty();
    view! {
        <div class="views" role="group" aria-label="Saved views">
            {links.collect_view()}
            {may_save.then(|| view! {
                <details>
                    <summary>"Save view"</summary>
                    <form class="with-button" method="post" action=SaveView::url()>
                        <input type="hidden" name="query" value=query.clone()/>
                        <input name="name" required maxlength="60" autocomplete="off"
                            aria-label="Name of the view" placeholder="Name"/>
                        <button type="submit">"Save"</button>
                    </form>
                </details>
            })}
            {has_views.then(|| view! {
                <details><summary>"Remove"</summary>{removals.collect_view()}</details>
            })}
        </div>
    }
    .into_any()
}
