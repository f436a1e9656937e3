//! Which members of a body are about a person, and what takes their place where a real event must
//! not go as it came; see [`masked`](super::masked). Names, numbers and addresses of people, what a
//! customer is known by, and what somebody wrote freely.

use crate::domain::event::EventType;

/// Every member that is about a person, by its path as [`fields`](super::fields) name it, and what
/// stands for it: of the same kind, and nobody's. A new field of the catalogue is judged here too;
/// a test asks for it.
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

pub(super) fn mask(event: EventType, path: &str) -> Option<&'static str> {
    PERSONAL.iter().find(|(of, known, _)| *of == event && *known == path).map(|(_, _, mask)| *mask)
}

/// Is this member about a person?
pub fn is_personal(event: EventType, path: &str) -> bool {
    mask(event, path).is_some()
}
