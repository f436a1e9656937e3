//! Guarantees of the delivery engine besides delivery: circuit breaker, ordering, rate limits,
//! redelivery, back-pressure and retention.

mod backoff;
mod breaker;
mod embed;
mod fairness;
mod files;
mod jobs;
mod keys;
mod lines;
mod liveness;
mod memory;
mod order;
mod pressure;
mod races;
mod retention;
pub mod scene;
mod start;
mod tuning;
