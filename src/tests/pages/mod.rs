//! The portal's pages as a browser without scripts uses them. (With scripts, and in pictures: `end2end/`.)

mod banner;
mod catalogue;
mod errors;
mod forms;
mod log;
mod log_text;
mod overview;
mod preferences;
mod recover;
mod safety;
mod sessions;
mod snippet;
mod test_send;
