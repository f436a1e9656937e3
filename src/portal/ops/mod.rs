//! One function for each thing a person or a program can do. Each begins with `require`, decides,
//! writes in one transaction with its line in the audit log, and tells the engine. Forms, API and
//! command line all come through here.

mod archive;
pub mod catalogue;
pub mod deliveries;
pub mod doctor;
pub mod drafts;
pub mod error;
pub mod events;
pub mod hooks;
pub mod jobs;
pub mod live;
pub mod log;
pub mod measured;
pub mod overview;
mod own_address;
pub mod preferences;
pub mod refusals;
pub mod session;
pub mod setup;
pub mod snippets;
pub mod status;
pub mod test_send;
pub mod tokens;
pub mod try_now;
pub mod tuning;
pub mod users;
pub mod warnings;

pub use error::Error;
