//! What the API's requests look like: bodies and parameters. The doc comments are the descriptions
//! in `openapi.json`.

pub mod catalogue;
pub mod delivery;
pub mod event;
pub mod hook;
pub mod job;
