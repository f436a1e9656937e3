//! Deliveries to a real receiver.

mod connections;
mod hostile;
mod kill;
mod measured;
mod names;
mod outcomes;
mod ssrf;
mod tls;
mod wire;
