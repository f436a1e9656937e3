//! **Service Hooks** sends webhooks: when something happens in a contact centre, third parties are
//! notified. One binary contains a portal, an HTTP API and a durable delivery engine. This page is
//! the overview of the code.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | event | something that happened, of a type in the catalogue; its payload never changes |
//! | hook | a subscription: one event type, one callback URL, one API key; has a switch |
//! | delivery | one event for one hook; its state is stored, never inferred |
//! | attempt | one HTTP request for a delivery, and its result |
//! | held | the delivery waits until its hook is on and not paused |
//! | skipped | the delivery was not attempted: its hook was off, or the hook's queue was full |
//! | undelivered | failed or skipped |
//! | recover | redeliver what a hook missed |
//! | lane | the in-memory window over a hook's open deliveries |
//! | line | in a lane, the queue of one ordering key |
//! | load, page | a bounded read of open deliveries into a lane; its result |
//! | step | a bounded update that holds, releases or cancels open deliveries of a hook |
//! | permit | the right to start one attempt; their number is limited |
//! | notice | what changed, sent by the writer after a commit |
//! | health | a hook's circuit breaker: consecutive failures, the pause until a probe succeeds |
//! | status | what pages call *Status*: one word from a hook's switch, health and last 24 hours |
//! | log | the searchable list of all deliveries, from which they are redelivered |
//! | job | a bulk redelivery with a limited rate; its progress is stored in the database |
//! | node | one of several servers on one PostgreSQL; it owns lanes, each with a fencing token |
//! | retiring | a node that is shutting down and must not get lanes |
//! | grant | proof that a permission was checked, and for whom |
//! | vault, sealed | the encryption of secrets with the master key |
//! | draft | sealed data between two requests of a session, such as rejected form input |
//! | kept form | a form that was posted after its session had ended, until its user is back |
//! | flash | a message that is shown once, on the next page |
//!
//! # Modules
//!
//! [`domain`] has the pure rules: no I/O, no clock. [`engine`] is the delivery engine that a
//! backend can embed: store, deliveries, [`Dispatcher`]. [`portal`] has the operations of users and
//! API clients, with their permissions. [`http`] serves pages, API and files. [`rpc`] has the
//! server functions that pages call, [`view`] the plain data that is sent to the browser, [`ui`]
//! the components that show it, [`app`] the page shell and the routes. [`cli`] has the commands,
//! [`runtime`] starts and stops the server. `src/tests/tidy/imports.rs` checks which module may
//! import which. A noun has the same name in every module, so `git ls-files | grep hook` lists
//! everything about hooks.
//!
//! # Life of an event
//!
//! 1. `POST /api/v1/events`: `http::emit` and `http::api::v1::events` parse the request.
//! 2. `portal::ops::events` checks the permission.
//! 3. [`Dispatcher::emit_all`](engine::dispatcher::Dispatcher::emit_all) validates the payload.
//! 4. `engine::store::writer` and `engine::store::commit` commit the event with its deliveries
//!    (transactional outbox). Then the writer notifies the lanes, and the caller gets 202.
//! 5. `engine::delivery::board` gives the hook's lane a permit.
//! 6. `engine::delivery::attempt` checks the address, signs and sends the request.
//! 7. `domain::retry` classifies the response and decides about a retry.
//! 8. `engine::store::outcomes` commits the attempt with its consequences and the hourly statistics
//!    in `engine::store::measured`.
//! 9. `portal::ops` reads the result, `portal::handlers` prepares it for a page, `rpc` transfers
//!    it, and `ui::pages` shows it.
//!
//! `docs/ARCHITECTURE.md` describes the same steps in more detail.
//!
//! # Invariants
//!
//! - An event is acknowledged only after the commit that holds it and its deliveries has returned.
//! - The payload's bytes are never changed: receivers get, and the signature covers, the bytes that
//!   the producer sent.
//! - All state in memory can be rebuilt from the database, which is the only queue.
//! - A transaction contains SQL only, no other I/O. A client that disconnects cannot cancel a
//!   write.
//! - After a commit the writer notifies lanes, jobs and other nodes ([`engine::store::notices`]).
//!   These also poll every few seconds, so a lost notice costs only seconds.
//! - Every delivery goes out through `engine::delivery::dial`, to an address that the guard allows,
//!   over a connection that belongs to one hook.
//! - Time, randomness, environment, SQL and HTTP clients are used only in the modules that
//!   `.clippy.toml` names; clippy checks it.
//! - Every operation begins with `require`, and store functions for users and API clients demand
//!   the resulting grant. Its type is its permission: a grant of another one does not compile.
//!   Exceptions: signing in and a user's own preferences need no permission.
//! - *accepted = sum of states + pruned*, counted independently.
//! - Secrets are never printed: not in logs, pages, URLs, errors or `Debug`.

#[cfg(feature = "web")]
pub mod app;
#[cfg(feature = "ssr")]
pub mod cli;
pub mod domain;
#[cfg(feature = "engine")]
pub mod engine;
#[doc(hidden)]
#[cfg(feature = "ssr")]
pub mod fuzzing;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod portal;
#[cfg(feature = "web")]
pub mod rpc;
#[cfg(feature = "ssr")]
pub mod runtime;
#[cfg(feature = "ssr")]
pub mod telemetry;
#[cfg(feature = "web")]
pub mod ui;
#[cfg(feature = "web")]
pub mod view;

#[cfg(feature = "engine")]
pub use engine::Dispatcher;

/// Hydrates the islands of a page. Called by `browser/boot.js`.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
