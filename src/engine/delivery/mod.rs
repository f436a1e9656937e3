//! From a committed delivery to a recorded answer. `board` shares permits over `lane`s, and `scheduler` is its task;
//! `worker` runs one attempt: `attempt` sends through the one `client`, which dials only what `resolver` and `guard` let
//! through, with the headers of `signing`; `domain::retry` judges; the store records. `nodes` and `lease` say which hooks
//! are this server's. Nothing here holds anything that the database does not know.

pub mod attempt;
pub mod board;
pub mod client;
pub mod guard;
pub mod lane;
pub mod lease;
pub mod nodes;
mod phases;
pub mod resolver;
pub mod scheduler;
pub mod signing;
mod worker;

pub use worker::Worker;
