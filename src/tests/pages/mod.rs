//! The portal's pages as a browser without scripts uses them. (With scripts, and in pictures: `end2end/`.)

mod errors;
mod catalogue;
mod forms;
mod overview;
mod preferences;
mod safety;
mod snippet;
mod test_send;
