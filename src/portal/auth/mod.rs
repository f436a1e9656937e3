//! Who is it? Passwords, sessions, tokens, and the actor they lead to. What an actor may do is
//! `domain::permission`'s.

pub mod actor;
pub mod browser;
pub mod client;
pub mod cookie;
pub mod known;
pub mod pace;
pub mod password;
pub mod refusals;
pub mod session;
pub mod throttle;
pub mod token;
pub mod turns;
