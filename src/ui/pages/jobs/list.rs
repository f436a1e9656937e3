//! All jobs, newest first.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{JobBadge, scope_words};
use crate::{
    domain::{time::Timestamp, words::grouped},
    rpc::jobs::read_jobs,
    ui::{
        pages::query,
        widgets::{
            datetime::DateTime,
            frame::{Frame, Place},
            loaded::loaded,
            pages::Pages,
            table::DataTable,
        },
    },
    view::jobs::{JobList, JobPage},
};

/// The list of jobs.
#[component]
pub fn JobsPage() -> impl IntoView {
    view! { <Frame place=Place::Undelivered>{loaded(read_jobs(query("before")),
    |list| view! { <Content list/> })}</Frame> }
}

#[component]
fn Content(list: JobList) -> impl IntoView {
    let JobList { jobs, older, now } = list;
    let is_empty = jobs.is_empty();
    let rows = jobs.into_iter().map(|page| view! { <Row page now/> });
    let rows = rows.collect_view();
    view! {
        <Title text="Jobs"/>
        <p class="crumbs"><a href="/integration/undelivered">"Undelivered"</a></p>
        <h1>"Jobs"</h1>
        {if is_empty {
            view! { <p class="empty">"No jobs yet. A job starts when you redeliver missed \
                                      events for a hook, or all matching events in the \
                                      log."</p> }.into_any()
        } else {
            view! { <DataTable label="Jobs" columns=&["Started", "Hook", "Status", "Redelivered",
                "Selection"]>{rows}</DataTable> }.into_any()
        }}
        <Pages newest=None newer=None older/>
    }
}

#[component]
fn Row(page: JobPage, now: Timestamp) -> impl IntoView {
    let JobPage { job, hook, .. } = page;
    let (_, all) = job.progress();
    view! {
        <tr id=format!("j-{}", job.id) data-live="">
            <th scope="row"><a href=format!("/integration/jobs/{}", job.id)><DateTime
                at=job.created_at now/></a></th>
            <td data-label="Hook" class="named">{hook.unwrap_or_else(|| "All".to_owned())}</td>
            <td data-label="State"><JobBadge state=job.state/></td>
            <td data-label="Redelivered">{grouped(job.done)} " of " {grouped(all)}</td>
            <td data-label="Selection">{scope_words(&job.scope)}</td>
        </tr>
    }
}
