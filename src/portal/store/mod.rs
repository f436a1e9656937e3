//! The portal's own tables: users, sessions, drafts, bearer tokens, the set-up link. All of the
//! portal's SQL is here. It shares the engine's database and its single writer: reads use a read
//! connection, writes run as a command of the writer. May import domain and engine::store.

pub mod drafts;
pub mod sessions;
pub mod setup;
pub mod tokens;
pub mod users;
pub mod views;

use crate::engine::store::expired::Expiring;

/// Tables whose expired rows the engine's cleanup deletes.
pub const EXPIRING: &[Expiring] = &[SESSIONS, DRAFTS, SETUP_LINKS];

pub const SESSIONS: Expiring = Expiring { table: "sessions", key: "id_hash" };
const DRAFTS: Expiring = Expiring { table: "drafts", key: "id" };
const SETUP_LINKS: Expiring = Expiring { table: "setup_links", key: "token_hash" };
