//! The portal's pages in a browser without scripts. (With scripts, and with screenshots:
//! `end2end/`.)

mod banner;
mod catalogue;
mod errors;
mod first_steps;
mod forms;
mod held;
mod hook_list;
mod hosts;
mod kept;
mod live;
mod log;
mod log_export;
mod log_text;
mod once;
mod one_delivery;
mod overview;
mod preferences;
mod recover;
mod redeliver;
mod safety;
mod search;
mod sessions;
mod sign_in;
mod snippet;
mod test_send;
