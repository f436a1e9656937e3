//! Plain data of the pages: what the server fills in and the browser's half shows. One file a noun.
//! May import `domain` only.

pub mod deliveries;
pub mod error;
pub mod events;
pub mod hooks;
pub mod jobs;
pub mod log;
pub mod preferences;
pub mod session;
pub mod setup;
pub mod status;
pub mod test_send;

pub use error::Error;
