//! A dismissal.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{keys::DeliveryState, page::page, time::Time};
use crate::domain::dismissal::Dismissal;

/// Undelivered events that a person said need not be sent. Their deliveries are cancelled, with
/// the reason.
#[derive(Serialize, ToSchema)]
#[schema(as = Dismissal)]
pub struct DismissalShape {
    pub id: Uuid,
    pub hook: Uuid,
    /// What the deliveries were before: failed, skipped or held.
    pub state: DeliveryState,
    /// The group of last responses. Null: any.
    #[schema(required = true)]
    pub answer: Option<String>,
    pub reason: String,
    /// The number of deliveries.
    pub number: i64,
    pub created_by: String,
    pub created_at: Time,
    #[schema(required = true)]
    pub undone_by: Option<String>,
    /// When they were brought back.
    #[schema(required = true)]
    pub undone_at: Option<Time>,
}

impl From<Dismissal> for DismissalShape {
    fn from(dismissal: Dismissal) -> Self {
        Self {
            id: dismissal.id.0,
            hook: dismissal.hook.0,
            state: DeliveryState(dismissal.state),
            answer: dismissal.answer.map(|answer| answer.key().to_owned()),
            reason: dismissal.reason,
            number: dismissal.number,
            created_by: dismissal.created_by,
            created_at: Time(dismissal.created_at),
            undone_by: dismissal.undone_by,
            undone_at: dismissal.undone_at.map(Time),
        }
    }
}

page! {
    /// A page of dismissals.
    DismissalPage of DismissalShape
}
