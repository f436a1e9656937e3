//! The integration tests. They act like a user, an operator or an attacker, on the real router,
//! both databases, a real receiver and the real binary. `make test` starts the PostgreSQL that they
//! need; none is ever skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod corpus;
mod delivery;
mod engine;
mod hostile;
mod model;
mod nodes;
mod pages;
mod permissions;
mod power;
mod simulation;
mod store;
mod support;
mod tidy;
