//! The page of a job: its progress, its details, and buttons to pause, resume and cancel it.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{JobBadge, scope_words};
use crate::{
    domain::{
        job::{Job, JobState},
        words::grouped,
    },
    rpc::jobs::{MoveJob, read_job},
    ui::{
        pages::param,
        widgets::{
            datetime::DateTime,
            definition::Fact,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{jobs::JobPage as JobData, words::jobs as words},
};

#[component]
pub fn JobPage() -> impl IntoView {
    view! { <Frame place=Place::Undelivered>{loaded(read_job(param("id")),
    |page| view! { <Content page/> })}</Frame> }
}

#[component]
fn Content(page: JobData) -> impl IntoView {
    let JobData { job, hook, may_change, now } = page;
    let of = hook.clone().unwrap_or_else(|| "all hooks".to_owned());
    let hook_page = job.scope.hook.map(|hook| format!("/integration/hooks/{hook}"));
    view! {
        <Title text=format!("Job – {of}")/>
        <p class="crumbs"><a href="/integration/jobs">"Jobs"</a></p>
        <div class="heading">
            <h1>"Redelivery to " {match hook_page { Some(href) => view! { <a
                href=href>{of}</a> }.into_any(), None => of.into_any() }}</h1>
            <div class="buttons">
                {may_change.then(|| view! { <div class="buttons" id="live-buttons"
                    data-live=""><Buttons job=job.clone()/></div> })}
            </div>
        </div>
        <Progress job=job.clone()/>
        <section class="card facts narrow" aria-labelledby="facts-title">
            <h2 id="facts-title">"Details"</h2>
            <dl>
                <Fact term="Selection">{scope_words(&job.scope)}</Fact>
                <Fact term="Rate">{job.per_second} " per second, oldest first"</Fact>
                <Fact term="Events at start">{grouped(job.total)}</Fact>
                <Fact term="Started"><DateTime at=job.created_at now/> " by "
                    {job.created_by}</Fact>
                <Fact term="Last updated"><span id="live-updated" data-live=""><DateTime
                    at=job.updated_at now/></span></Fact>
            </dl>
        </section>
    }
}

/// The progress as text and bar.
#[component]
fn Progress(job: Job) -> impl IntoView {
    let (behind, all) = job.progress();
    let state = job.state;
    let now = format!("{behind} of {all}");
    // Only the state: the number would be announced every second.
    let announced = format!("Job: {}", words::state(state));
    let value = if all == 0 { 1000 } else { behind * 1000 / all };
    view! {
        <section class="card" aria-label="Progress" id="live-progress" data-live=""
            data-announce=announced>
            <p><JobBadge state/> " " {words::progress(&job)}</p>
            {job.problem.clone().map(|problem| view! { <p class="error">"The job was paused \
                because of an error: " {problem} ". Resume it to try again. Other jobs are not \
                affected."</p> })}
            <div class="progress" role="progressbar" aria-label="Redelivered"
                aria-valuemin="0" aria-valuemax=all aria-valuenow=behind aria-valuetext=now>
                <svg viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true"
                    focusable="false"><rect x="0" y="0" height="8" width=value></rect></svg>
            </div>
        </section>
    }
}

/// A button for each state that the job may change to.
#[component]
fn Buttons(job: Job) -> impl IntoView {
    let id = job.id.to_string();
    let button = move |next: JobState, text: &'static str, class: &'static str| {
        job.state.may_become(next).then(|| {
            view! {
                <form method="post" action=MoveJob::url()>
                    <input type="hidden" name="id" value=id.clone()/>
                    <input type="hidden" name="state" value=next.key()/>
                    <button class=class type="submit">{text}</button>
                </form>
            }
        })
    };
    view! {
        {button(JobState::Paused, "Pause", "")}
        {button(JobState::Running, "Resume", "primary")}
        {button(JobState::Cancelled, "Cancel job", "")}
    }
}
