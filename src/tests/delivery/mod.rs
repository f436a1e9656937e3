//! Deliveries, to a real receiver.

mod kill;
mod outcomes;
mod ssrf;
mod wire;
