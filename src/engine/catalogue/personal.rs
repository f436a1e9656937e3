//! Classification of payload fields as personal data, and the placeholders that
//! [`masked`](super::masked) puts into them. Personal are names, telephone numbers and addresses of
//! people, identifiers of customers, and free text.

use crate::domain::event::EventType;

/// Every personal field: event, path as in [`fields`](super::fields), and a fictitious placeholder
/// that matches the schema. Classify each new text field of the catalogue here; a test fails until
/// that is done.
pub(super) const PERSONAL: &[(EventType, &str, &str)] = &[
    (EventType::ConversationAbandoned, "customerPhoneNumber", "+15555550100"),
    (EventType::OutboundCallInitiated, "targetPhoneNumber", "+15555550100"),
    (EventType::WorkItemClosed, "agent.name", "Masked Name"),
    (EventType::WorkItemClosed, "agent.email", "masked@example.com"),
    (EventType::WorkItemClosed, "agent.phone", "+15555550100"),
    (EventType::WorkItemClosed, "customerIdentifier", "masked-customer"),
    (EventType::WorkItemClosed, "customerId", "masked-customer-id"),
    (EventType::WorkItemClosed, "notes", "Masked notes"),
];

/// The placeholder for a personal field; `None` for other fields.
pub(super) fn mask(event: EventType, path: &str) -> Option<&'static str> {
    PERSONAL.iter().find(|(of, known, _)| *of == event && *known == path).map(|(_, _, mask)| *mask)
}

/// Whether this field holds personal data.
pub fn is_personal(event: EventType, path: &str) -> bool {
    mask(event, path).is_some()
}
