//! **Service Hooks**: a contact centre tells third parties what just happened. One binary with a
//! portal, an API and a durable delivery engine. This page is the map.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | event | one thing that happened, of a type in the catalogue; its body never changes |
//! | hook | one event type sent to one callback URL with one API key; a person switches it |
//! | delivery | one event on its way to one hook; its state is stored, never inferred |
//! | attempt | one try at one delivery, and the answer it ended in |
//! | lane | a hook's window in memory on its open deliveries |
//! | health | how a hook's receiver does: well, degraded, or paused until a probe succeeds |
//! | standing | what follows for a hook from its slider, its health and its last day, in one word |
//! | log | all deliveries, as they are searched, looked at and sent again |
//! | job | many deliveries sent again, at a pace, kept in the database |
//! | node | one of the servers that share a PostgreSQL; it owns lanes, each under a fence |
//! | grant | the proof that a permission was checked, and for whom |
//!
//! # Modules
//!
//! [`domain`] holds rules that need nothing but themselves. [`engine`] is what a backend embeds:
//! store, deliveries, [`Dispatcher`]. [`portal`] is what people and programs may do with it.
//! [`http`] answers requests: pages, API, files. [`rpc`] are the functions a page calls, [`view`]
//! the plain data that crosses to the browser, [`ui`] what shows that, [`app`] the shell and the
//! routes. [`cli`] are the commands, [`runtime`] starts and stops the program. A noun has the same
//! name in every module: `git ls-files | grep hook`. Who may import whom stands in
//! `src/tests/tidy/imports.rs`, which also holds it.
//!
//! # One event's walk
//!
//! `POST /api/v1/events` → `http::emit` and `http::api::v1::events` (bytes to an
//! envelope) → `portal::ops::events` (permission) →
//! [`Dispatcher::emit_all`](engine::dispatcher::Dispatcher::emit_all) (schema) →
//! `engine::store::events` (event and deliveries in one commit; the writer tells the lanes, then
//! 202) → `engine::delivery::scheduler` (a permit for the hook's lane) →
//! `engine::delivery::attempt` (vet, sign, send, classify) → `domain::retry` (what next) →
//! `engine::store::outcomes` (attempt and consequence in one commit, and with them the hour's
//! counts in `engine::store::measured`) → `portal::ops` → `portal::handlers` (what a page needs)
//! → `rpc` → the hook's page in `ui::pages`.
//!
//! # What must stay true
//!
//! - An event is acknowledged only after the commit that holds it and its deliveries has returned.
//! - The bytes a producer sent are the bytes every receiver gets, and the bytes that are signed.
//! - Whatever is in memory can be rebuilt from the database. There is no second queue.
//! - No transaction is held across anything but SQL; no write can be cancelled by a client that
//!   goes away.
//! - The writer tells lanes, jobs and other nodes what a commit changed ([`engine::store::told`]),
//!   after the commit. They also look for themselves every few seconds, so that a lost hint costs
//!   seconds.
//! - Every delivery goes out through `engine::delivery::dial`, to an address that the guard let
//!   through, over a connection that belongs to one hook.
//! - Time, randomness, environment, SQL and HTTP clients each have one home; clippy holds it.
//! - Every operation begins with `require`, and the store's functions for people and programs
//!   demand its grant.
//! - *accepted = sum of states + pruned*, counted independently.
//! - A secret never prints: not in logs, pages, addresses, errors or `Debug`.

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

/// Wakes the islands of a page. Called by `public/pkg/boot.js`.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
