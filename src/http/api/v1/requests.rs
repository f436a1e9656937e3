//! The API's request bodies and query parameters. The doc comments are the descriptions in
//! `openapi.json`.

pub mod catalogue;
pub mod delivery;
pub mod dismissal;
pub mod event;
pub mod export;
pub mod hook;
pub mod job;
