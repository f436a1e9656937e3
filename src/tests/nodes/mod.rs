//! Several servers on one PostgreSQL, as real processes: they behave like one portal, also when a
//! server or the database is killed, stopped, frozen or disconnected.

mod away;
mod changes;
mod clock;
mod cluster;
mod connections;
mod database;
mod frozen;
mod idle;
mod jobs;
mod kill;
mod load;
mod order;
pub mod own_postgres;
mod readers;
mod replace;
mod sleep;
mod stop;
mod storm;
mod sweep;
mod together;
