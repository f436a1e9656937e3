//! Everything a backend embeds; no web framework below here. The story of one event:
//!
//! 1. [`Dispatcher::emit`] validates it against the [`catalogue`].
//! 2. [`store::events`] writes the event and one delivery for each hook that listens, in a commit
//!    that is shared with whoever else is waiting ([`store::writer`]). The caller is answered after
//!    it.
//! 3. The writer tells the hook's [lane](delivery::lane) ([`store::told`]); a full lane leaves the
//!    rest in the database.
//! 4. The [board](delivery::board) gives the lane a permit, the [scheduler](delivery::scheduler)
//!    carries out what it orders, and an [attempt](delivery::attempt) reaches only what the
//!    [guard](delivery::guard) lets through.
//! 5. [`crate::domain::retry`] classifies the answer and [`crate::domain::health`] what it says of the
//!    receiver; attempt and consequence are recorded in one commit ([`store::outcomes`]).
//! 6. After a crash the lanes are filled from the database: the same lanes, the same path.
//!
//! Beside that: [`jobs`] send many deliveries again at a pace, [`pressure`] turns producers away
//! above a high-water mark, [`upkeep`] removes what is too old, [`supervise`] begins again what
//! panicked, [`metrics`] count. Servers that share a PostgreSQL share the hooks: each hook's lane
//! is assigned to one [node](delivery::nodes), whose lease it depends on, under a fence
//! ([`store::claim`]).
//!
//! The face for a backend is the [`Dispatcher`] (start, emit, stop), [`hooks`], [`deliveries`] and
//! [`jobs`]: each change there owns its transaction, its line in the audit log and the notice to
//! the lanes. `store` holds all SQL, `clock` all time and randomness, `config` all settings.

pub mod catalogue;
pub mod clock;
pub mod config;
pub mod deliveries;
pub mod delivery;
pub mod dispatcher;
mod error;
pub mod hooks;
mod job_runner;
pub mod jobs;
pub mod metrics;
pub mod pressure;
pub mod store;
mod supervise;
mod upkeep;

pub use dispatcher::Dispatcher;
pub use error::Error;
