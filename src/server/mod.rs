//! The portal around the engine. Who may import whom (held by `tests/tidy.rs`):
//!
//! | room | may use |
//! |---|---|
//! | `zones` | domain |
//! | `descriptors` | nothing |
//! | `noise` | domain, engine::clock |
//! | `auth` | domain, engine::store, engine::clock |
//! | `ctx` | domain, engine, `auth` |
//! | `ops` | domain, engine, `ctx`, `auth`, `zones` |
//! | `seam`, `forms` | domain, engine, view, `ops`, `ctx`, `auth`, `zones` |
//! | `request_id` | engine::clock |
//! | `api` | domain, engine, `ops`, `ctx`, `auth`, `request_id` |
//! | `http` | everything above, `app` |
//! | `runtime`, `cli` | everything; nothing imports them |

pub mod api;
pub mod auth;
pub mod cli;
pub mod ctx;
pub mod descriptors;
pub mod forms;
pub mod http;
pub mod noise;
pub mod ops;
pub mod request_id;
pub mod runtime;
pub mod seam;
pub mod telemetry;
pub mod zones;
