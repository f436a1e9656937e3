//! The portal's own tables: people, their sessions and drafts, the tokens of programs, the set-up
//! link. All of the portal's SQL. It shares the engine's database and its writer; reads take a read
//! connection, writes happen in a command of the writer. May import domain and engine::store.

pub mod drafts;
pub mod sessions;
pub mod setup;
pub mod tokens;
pub mod users;

use crate::engine::store::expired::Expiring;

/// What the engine removes for the portal once it has expired.
pub const EXPIRING: &[Expiring] = &[SESSIONS, DRAFTS, SETUP_LINKS];

pub const SESSIONS: Expiring = Expiring { table: "sessions", key: "id_hash" };
const DRAFTS: Expiring = Expiring { table: "drafts", key: "id" };
const SETUP_LINKS: Expiring = Expiring { table: "setup_links", key: "token_hash" };
