//! The event catalogue.

pub mod detail;
pub mod list;
