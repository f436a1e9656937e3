//! The words of the house and the rules that need nothing but themselves: what a hook, an event, a
//! delivery and an attempt are, what may be typed, who may do what, when to try again. Compiled for
//! the server and for the browser; imports no other room, asks no clock, reads no environment,
//! opens no connection.

pub mod acceptance;
pub mod address;
pub mod contract;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod failure;
pub mod health;
pub mod hook;
pub mod hook_query;
pub mod id;
pub mod invalid;
pub mod job;
pub mod json;
pub mod liveness;
pub mod log;
pub mod measured;
pub mod page;
pub mod permission;
pub mod preferences;
pub mod recovery;
pub mod retry;
pub mod standing;
pub mod time;
pub mod user;
pub mod wire;
pub mod words;
