//! What the API's answers look like, and the values that requests and answers share. The doc
//! comments are the descriptions in `openapi.json`.

pub mod delivery;
pub mod event;
pub mod hook;
pub mod job;
pub mod keys;
pub mod page;
pub mod time;
