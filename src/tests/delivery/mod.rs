//! Deliveries, to a real receiver.

mod hostile;
mod kill;
mod measured;
mod outcomes;
mod ssrf;
mod wire;
