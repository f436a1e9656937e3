//! Deliveries: what the pages of one of them read, and sending them again.

use leptos::prelude::*;

use crate::{
    domain::log::LogQuery,
    view::{
        Error,
        deliveries::{DeliveryDetail, Redelivery},
    },
};

#[server]
pub async fn detail(
    #[server(default)] id: String,
    #[server(default)] query: LogQuery,
    #[server(default)] view: String,
    #[server(default)] log: String,
) -> Result<DeliveryDetail, Error> {
    crate::portal::handlers::deliveries::detail(&id, query, &view, &log).await
}

/// What sending these again would do.
#[server]
pub async fn ask_redeliver(
    #[server(default)] ids: Vec<String>,
    #[server(default)] back: String,
) -> Result<Redelivery, Error> {
    crate::portal::handlers::redeliver::ask(&ids, &back).await
}

/// Sends a settled delivery again.
#[server]
pub async fn redeliver(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::redeliver::one(&id).await
}

/// Sends several again, and goes back to where they were picked.
#[server]
pub async fn redeliver_many(
    #[server(default)] ids: Vec<String>,
    #[server(default)] back: String,
) -> Result<(), Error> {
    crate::portal::handlers::redeliver::many(&ids, &back).await
}
