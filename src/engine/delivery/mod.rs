//! Delivery: from a committed delivery to a recorded outcome.
//!
//! - `board` is the scheduling state machine: it assigns permits to the `lane`s. `scheduler` is the
//!   task that drives it, `handle` the way to reach that task.
//! - `worker` carries out the board's actions. An attempt: `attempt` sends the request of a
//!   `target`, signed by `signing`, over an idle one of the hook's `connections` or a new one.
//!   `dial` connects only to addresses that `resolver` and `guard` allow. `answer` keeps a part of
//!   the response, `fault` says why there is none, `domain::retry` classifies it, and the store
//!   records it.
//! - `congestion` applies back-pressure to producers when this machine is the bottleneck.
//! - `nodes` and `lease` decide which lanes this server owns.
//! - `watchdog` finds due deliveries whose hint was lost, and lanes that make no progress.
//!
//! All state here is in memory and can be rebuilt from the database.

pub mod answer;
pub mod attempt;
pub mod board;
mod chain;
pub mod client;
pub mod congestion;
mod connections;
pub mod dial;
mod exhausted;
mod fault;
pub mod guard;
pub mod handle;
pub mod lane;
pub mod lease;
mod lookup;
pub mod masking;
pub mod nodes;
mod phases;
pub mod resolver;
mod rewind;
pub mod scheduler;
pub mod signing;
mod target;
mod tls;
pub mod watchdog;
mod wire;
mod worker;

pub use worker::Worker;
