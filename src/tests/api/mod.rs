//! The HTTP API.

mod bad_input;
mod commands;
mod deliveries;
mod demo;
mod description;
mod disconnects;
mod events;
mod exports;
mod hang_ups;
mod health;
mod hooks;
mod keys;
mod listen;
mod logs;
mod metrics;
mod overlaps;
mod people_commands;
