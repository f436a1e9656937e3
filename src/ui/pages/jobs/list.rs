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
    view::{
        jobs::{JobList, JobPage},
        words::jobs::{self as words, Standing},
    },
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
            view! { <DataTable label="Jobs" columns=&["Started", "Hook", "Status", "Delivered",
                "Selection"]>{rows}</DataTable> }.into_any()
        }}
        <Pages newest=None newer=None older/>
    }
}

#[component]
fn Row(page: JobPage, now: Timestamp) -> impl IntoView {
    let JobPage { job, results, hook, has_hook, .. } = page;
    let (_, all) = job.progress();
    let standing = Standing::of(&job, &results);
    let hook = hook.unwrap_or_else(|| "All".to_owned());
    let hook = match job.scope.hook.filter(|_| has_hook) {
        Some(id) => view! { <a href=format!("/integration/hooks/{id}")>{hook}</a> }.into_any(),
        None => hook.into_any(),
    };
    let (status_id, count_id) =
        (format!("live-job-status-{}", job.id), format!("live-job-count-{}", job.id));
    let became = words::became(&results);
    view! {
        <tr id=format!("job-{}", job.id)>
            <th scope="row"><a href=format!("/integration/jobs/{}", job.id)><DateTime
                at=job.created_at now/></a></th>
            <td data-label="Hook" class="named">{hook}</td>
            <td data-label="Status" id=status_id data-live=""><JobBadge standing/></td>
            <td data-label="Delivered" id=count_id data-live="">{grouped(results.delivered)} " of "
                {grouped(all)} {(results.delivered < job.done).then(|| view! { <p
                    class="small">{became}</p> })}</td>
            <td data-label="Selection">{scope_words(&job.scope)}</td>
        </tr>
    }
}
