//! View data: what the server fills in and pages and islands display. One file per noun. May import
//! `domain` only.

pub mod account;
pub mod assets;
pub mod deliveries;
pub mod error;
pub mod events;
pub mod first_steps;
pub mod hooks;
pub mod inbox;
pub mod jobs;
pub mod log;
pub mod preferences;
pub mod search;
pub mod session;
pub mod setup;
pub mod status;
pub mod test_send;
pub mod words;

pub use error::Error;
