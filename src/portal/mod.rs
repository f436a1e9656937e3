//! The portal around the engine: authentication, permissions, and the operations behind pages and
//! API. Start reading at `ops`: each operation checks a permission and then does its work.
//! `tests/tidy` checks which module may import which.

pub mod auth;
pub mod ctx;
pub mod demo;
pub mod handlers;
pub mod ops;
pub mod request;
pub mod store;
pub mod zones;
