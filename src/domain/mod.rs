//! Domain types and pure rules: hooks, events, deliveries, attempts, validation, permissions,
//! retries, the circuit breaker. Compiled for the server and for the browser. Imports no other
//! module and does no I/O: time and randomness are passed in.

pub mod acceptance;
pub mod address;
pub mod api_key;
pub mod busy;
pub mod contract;
pub mod delivery;
pub mod device;
pub mod dismissal;
pub mod endpoint;
pub mod event;
pub mod health;
pub mod histogram;
pub mod hook;
pub mod hook_query;
pub mod hook_status;
pub mod id;
pub mod id_text;
pub mod invalid;
pub mod job;
pub mod job_results;
pub mod json;
pub mod liveness;
pub mod log;
pub mod measured;
pub mod page;
pub mod permission;
pub mod preferences;
pub mod recovery;
pub mod redelivery;
pub mod retry;
pub mod time;
pub mod tuning;
pub mod user;
pub mod wire;
pub mod words;
