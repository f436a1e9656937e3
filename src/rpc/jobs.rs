//! Job pages: starting a recovery, and following and controlling jobs.

use leptos::prelude::*;

use crate::{
    domain::recovery::RecoverForm,
    view::{
        Error,
        jobs::{JobList, JobPage, RecoverPage},
    },
};

#[server]
pub async fn read_recover(
    #[server(default)] id: String,
    #[server(default)] form: RecoverForm,
) -> Result<RecoverPage, Error> {
    crate::portal::handlers::jobs::recover(&id, form).await
}

/// Starts the recovery that was previewed.
#[server]
pub async fn begin_recover(
    #[server(default)] id: String,
    #[server(default)] form: RecoverForm,
    #[server(default)] form_token: String,
) -> Result<(), Error> {
    crate::portal::handlers::jobs::begin(&id, form, &form_token).await
}

#[server]
pub async fn read_job(#[server(default)] id: String) -> Result<JobPage, Error> {
    crate::portal::handlers::jobs::detail(&id).await
}

#[server]
pub async fn read_jobs(#[server(default)] before: String) -> Result<JobList, Error> {
    crate::portal::handlers::jobs::list(&before).await
}

/// Pauses, resumes or cancels a job.
#[server]
pub async fn move_job(
    #[server(default)] id: String,
    #[server(default)] state: String,
) -> Result<(), Error> {
    crate::portal::handlers::jobs::move_to(&id, &state).await
}
