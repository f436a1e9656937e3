//! What the delivery engine promises beside delivering: it leaves the broken alone, keeps order and
//! pace, sends again what was missed, refuses what it cannot keep, and removes what is old.

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
