//! From a committed delivery to a recorded answer. `board` shares permits over `lane`s, and
//! `scheduler` is its task; `worker` runs one attempt: `attempt` sends a `target`'s request, signed
//! by `signing`, over one of the idle `connections` or a new one, for which `dial` reaches only
//! what `resolver` and `guard` let through; `answer` is the part of the response that is kept and
//! `fault` says why there is none; `domain::retry` classifies it; the store records. `congestion` slows
//! down producers when this machine is the bottleneck. `nodes` and `lease` say which hooks are this
//! server's; `lookout` finds deliveries that no hint announced.
//!
//! All state here can be rebuilt from the database.

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
pub mod lookout;
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
mod wire;
mod worker;

pub use worker::Worker;
