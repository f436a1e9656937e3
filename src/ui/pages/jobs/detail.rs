//! The page of a job: its progress, its details, and buttons to pause, resume and cancel it.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{JobBadge, scope_words};
use crate::{
    domain::{
        job::{Job, JobState},
        job_results::JobResults,
        words::grouped,
    },
    rpc::{
        hooks::{SetEnabled, TryNow},
        jobs::{MoveJob, read_job},
    },
    ui::{
        pages::param,
        widgets::{
            datetime::DateTime,
            definition::Fact,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{
        jobs::JobPage as JobData,
        words::jobs::{self as words, Standing},
    },
};

#[component]
pub fn JobPage() -> impl IntoView {
    view! { <Frame place=Place::Undelivered>{loaded(read_job(param("id")),
    |page| view! { <Content page/> })}</Frame> }
}

#[component]
fn Content(page: JobData) -> impl IntoView {
    let JobData { job, results, hook, has_hook, may_change, may_switch, now } = page;
    let of = hook.clone().unwrap_or_else(|| "all hooks".to_owned());
    let hook_page =
        job.scope.hook.filter(|_| has_hook).map(|hook| format!("/integration/hooks/{hook}"));
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
        <Progress job=job.clone() results/>
        {job.scope.hook.filter(|_| has_hook).map(|hook| view! { <Held hook=hook.to_string()
            may_switch may_change/> })}
        <section class="card facts narrow" aria-labelledby="facts-title">
            <h2 id="facts-title">"Details"</h2>
            <dl>
                <Fact term="Selection">{scope_words(&job.scope)}</Fact>
                <Fact term="Rate">{job.per_second} " per second, oldest first"</Fact>
                <Fact term="Events at start">{grouped(job.total)}</Fact>
                <Fact term="Started"><DateTime at=job.created_at now/> " by "
                    {job.created_by}</Fact>
                <Fact term="Last updated"><span id="live-job-updated" data-live=""><DateTime
                    at=job.updated_at now/></span></Fact>
            </dl>
        </section>
    }
}

/// The progress as text and bar.
#[component]
fn Progress(job: Job, results: JobResults) -> impl IntoView {
    let (behind, all) = job.progress();
    let now = format!("{behind} of {all} queued");
    let width = |part: i64| if all == 0 { 1000 } else { (part * 1000 / all).min(1000) };
    let standing = Standing::of(&job, &results);
    let shown = words::progress(&job, &results);
    // Only the state: the numbers would be announced every second.
    let announced = format!("Job: {}", standing.word());
    let held = match (results.held_off, results.held_paused) {
        (1.., _) => "stack tight held-off",
        (_, 1..) => "stack tight held-paused",
        _ => "stack tight",
    };
    let (queued, arrived) = (width(behind), if all == 0 { 0 } else { width(results.delivered) });
    view! {
        <section class="card" aria-label="Progress">
            <div id="live-job" data-live="" class=held data-announce=announced>
                <p><JobBadge standing/> " " {shown}</p>
                {job.problem.clone().map(|problem| view! { <p class="error">"The job was paused \
                    because of an error: " {problem} ". Resume it to try again. Other jobs are \
                    not affected."</p> })}
                <div class="progress" role="progressbar" aria-label="Queued"
                    aria-valuemin="0" aria-valuemax=all aria-valuenow=behind aria-valuetext=now>
                    <svg viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true"
                        focusable="false"><rect x="0" y="0" height="8" width=queued></rect><rect
                        class="arrived" x="0" y="0" height="8" width=arrived></rect></svg>
                </div>
            </div>
        </section>
    }
}

/// The way out while the hook holds the events. Both ways are in the page: CSS shows the one that
/// the element above needs, which changes while the page is open.
#[component]
fn Held(hook: String, may_switch: bool, may_change: bool) -> impl IntoView {
    view! {
        <div class="panel warn when-held-off">
            <p>"The hook is off, so it holds these events. They are sent as soon as it is on."</p>
            {may_switch.then(|| view! {
                <form method="post" action=SetEnabled::url()>
                    <input type="hidden" name="id" value=hook.clone()/>
                    <input type="hidden" name="enabled" value="true"/>
                    <button class="primary" type="submit">"Turn the hook on"</button>
                </form>
            })}
        </div>
        <div class="panel warn when-held-paused">
            <p>"The hook is paused, so it holds these events. They are sent when it recovers."</p>
            {may_change.then(|| view! {
                <form method="post" action=TryNow::url()>
                    <input type="hidden" name="id" value=hook/>
                    <button class="primary" type="submit">"Resume now"</button>
                </form>
            })}
        </div>
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
