//! The HTTP API, asked as programs ask it.

mod bad_input;
mod commands;
mod events;
mod hooks;
