//! The portal's pages as a browser without scripts uses them. (With scripts, and in pictures:
//! `end2end/`.)

mod banner;
mod catalogue;
mod errors;
mod forms;
mod hosts;
mod log;
mod log_text;
mod overview;
mod preferences;
mod recover;
mod safety;
mod sessions;
mod sign_in;
mod snippet;
mod test_send;
