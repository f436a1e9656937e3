//! Service Hooks: a contact centre tells third parties what just happened.
#[cfg(feature = "web")]
pub mod app;
pub mod domain;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "web")]
pub mod rpc;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "web")]
pub mod ui;

#[cfg(feature = "engine")]
pub use engine::Dispatcher;

/// Wakes the islands of a page. Called by `public/pkg/boot.js`.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
