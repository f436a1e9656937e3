//! Power cuts and full disks, on a disk of our own making: a VFS between SQLite and the machine
//! writes down what happens.

mod check;
mod cuts;
mod disk;
mod full;
mod tape;
mod vfs;
mod workload;
