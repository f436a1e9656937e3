//! The use cases: one function per action of a person or a program. Each checks a permission with
//! `require`, writes in one transaction together with its audit entry, and notifies the engine.
//! Pages, API and command line all call these functions.

pub mod account;
mod archive;
pub mod catalogue;
pub mod deliveries;
pub mod dismissals;
pub mod doctor;
pub mod drafts;
pub mod error;
pub mod events;
pub mod first_steps;
pub mod hooks;
pub mod jobs;
pub mod kept;
pub mod live;
pub mod log;
pub mod measured;
pub mod names;
pub mod once;
pub mod overview;
mod own_address;
pub mod people;
pub mod preferences;
pub mod refusals;
pub mod search;
pub mod session;
pub mod setup;
pub mod snippets;
pub mod status;
pub mod test_send;
pub mod tokens;
pub mod try_now;
pub mod users;
pub mod views;
pub mod warnings;

pub use error::Error;
