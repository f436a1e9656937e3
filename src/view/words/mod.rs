//! Every sentence a person reads that depends on what happened, grouped by page or command: pages,
//! API problems and commands take them from here, so that one thing is said in one way. A label
//! that never changes stands in the component that shows it. Imports `domain` alone.

pub mod commands;
pub mod deliveries;
pub mod events;
pub mod failure;
pub mod hooks;
pub mod jobs;
pub mod problems;
pub mod session;
pub mod status;
pub mod test_send;
