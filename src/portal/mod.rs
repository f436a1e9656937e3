//! The portal around the engine: who may do what, and what its pages and its API have in common.
//! Start at `ops`: each operation checks a permission and then works. `tests/tidy` holds who may
//! import whom.

pub mod auth;
pub mod ctx;
pub mod handlers;
pub mod ops;
pub mod request;
pub mod store;
pub mod zones;
