//! Deliveries, to a real receiver.

mod hostile;
mod kill;
mod outcomes;
mod ssrf;
mod wire;
