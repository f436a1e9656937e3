//! The delivery engine that a backend can embed. It uses no web framework. Life of an event:
//!
//! 1. [`Dispatcher::emit`] validates the payload against the [`catalogue`].
//! 2. [`store::events`] writes the event and one delivery for each subscribed hook. The commit is
//!    shared with other waiting callers (group commit, [`store::writer`]). Then the call returns.
//! 3. The writer notifies the hook's [lane](delivery::lane) ([`store::notices`]). When the lane's
//!    window is full, further deliveries stay in the database until there is space.
//! 4. The [board](delivery::board) gives the lane a permit, the [scheduler](delivery::scheduler)
//!    carries out the board's actions, and an [attempt](delivery::attempt) connects only to
//!    addresses that the [guard](delivery::guard) allows.
//! 5. [`crate::domain::retry`] classifies the response, and [`crate::domain::health`] updates the
//!    circuit breaker. The attempt and its consequences are recorded in one commit
//!    ([`store::outcomes`]).
//! 6. After a crash the lanes are loaded from the database, by the same code.
//!
//! Further modules: [`jobs`] are bulk redeliveries with a limited rate, [`pressure`] refuses events
//! above a high-water mark, [`upkeep`] removes expired data, [`supervise`] restarts tasks after a
//! panic, [`metrics`] has the counters. Servers that share a PostgreSQL database share the hooks:
//! each hook's lane is owned by one [node](delivery::nodes), protected by the node's lease and a
//! fencing token ([`store::claim`]).
//!
//! The public interface is the [`Dispatcher`] (start, emit, shut down), [`hooks`], [`deliveries`]
//! and [`jobs`]. Each change there owns its transaction, its audit log entry and the notice to the
//! lanes. `store` has all SQL, `clock` all time and randomness, `config` all settings.

pub mod catalogue;
pub mod clock;
pub mod config;
pub mod deliveries;
pub mod dismissals;
pub mod dispatcher;
mod error;
pub mod hooks;
mod job_runner;
pub mod jobs;
mod supervise;
mod upkeep;

// Not part of the interface, and without promises: public for the portal's own reads and for the
// tests of this repository, which drive each part on its own.
#[doc(hidden)]
pub mod delivery;
#[doc(hidden)]
pub mod metrics;
#[doc(hidden)]
pub mod pressure;
#[doc(hidden)]
pub mod store;

pub use dispatcher::Dispatcher;
pub use error::Error;
