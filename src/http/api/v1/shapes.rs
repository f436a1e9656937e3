//! The JSON of the API's responses, and the values that requests and responses share. The doc
//! comments are the descriptions in `openapi.json`.

pub mod delivery;
pub mod dismissal;
pub mod event;
pub mod export;
pub mod hook;
pub mod job;
pub mod keys;
pub mod page;
pub mod time;
