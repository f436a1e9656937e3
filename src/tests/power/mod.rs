//! Power cuts and full disks on a simulated disk: a VFS between SQLite and the machine records all
//! operations.

mod check;
mod cuts;
mod disk;
mod full;
mod tape;
mod vfs;
mod workload;
