//! Delivery pages: reading one delivery, and redelivering.

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

/// Preview of redelivering these deliveries.
#[server]
pub async fn ask_redeliver(
    #[server(default)] ids: Vec<String>,
    #[server(default)] back: String,
) -> Result<Redelivery, Error> {
    crate::portal::handlers::redeliver::ask(&ids, &back).await
}

/// Redelivers one delivery.
#[server]
pub async fn redeliver(
    #[server(default)] id: String,
    #[server(default)] form_token: String,
) -> Result<(), Error> {
    crate::portal::handlers::redeliver::one(&id, &form_token).await
}

/// Redelivers several and redirects to the list they were selected in.
#[server]
pub async fn redeliver_many(
    #[server(default)] ids: Vec<String>,
    #[server(default)] back: String,
) -> Result<(), Error> {
    crate::portal::handlers::redeliver::many(&ids, &back).await
}
