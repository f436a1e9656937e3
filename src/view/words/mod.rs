//! Sentences that depend on what happened, grouped by page or command: pages, API problems and
//! commands share them, so that one thing is said in one way. Fixed labels, and sentences that only
//! one page shows, are in its component or handler. Imports `domain` only.

pub mod account;
pub mod commands;
pub mod deliveries;
pub mod events;
pub mod failure;
pub mod hooks;
pub mod inbox;
pub mod jobs;
pub mod problems;
pub mod search;
pub mod session;
pub mod status;
pub mod test_send;
