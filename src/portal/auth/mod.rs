//! Authentication: passwords, sessions, bearer tokens, and the [`Actor`](actor) they resolve to.
//! Authorisation (what an actor may do) is in `domain::permission`.

pub mod actor;
pub mod browser;
pub mod client;
pub mod cookie;
pub mod fair_queue;
pub mod form_token;
pub mod kept;
pub mod password;
pub mod rate_limit;
pub mod refusals;
pub mod session;
pub mod throttle;
pub mod token;
pub mod token_cache;
