//! Server functions that pages and forms call, one file per noun. Each body is one call into
//! `portal` with its full path, so that the browser's build does not compile it. Reads are server
//! functions too: rendering a page calls them in process, and as endpoints they get the same
//! checks.
//!
//! Every argument has a default, because a browser leaves out empty form fields; validation is done
//! by `portal::ops`.

pub mod account;
pub mod deliveries;
pub mod dismissals;
pub mod events;
pub mod first_steps;
pub mod hooks;
pub mod jobs;
pub mod log;
pub mod preferences;
pub mod search;
pub mod session;
pub mod setup;
pub mod status;
pub mod test_send;

use leptos::{
    prelude::{FromServerFnError, ServerFnErrorErr},
    server_fn::codec::JsonEncoding,
};

use crate::view::Error;

impl FromServerFnError for Error {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self::BadRequest { message: error.to_string() }
    }
}
