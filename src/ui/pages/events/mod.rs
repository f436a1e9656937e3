//! The event catalogue.

mod contract;
pub mod detail;
pub mod list;
mod receive;
