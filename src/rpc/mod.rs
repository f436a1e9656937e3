//! What a page asks of the server: `#[server]` functions only, one file a
//! noun. A body is one call into `portal` and its imports stand inside it, so the browser's half
//! never sees them. Reads are server functions too: rendering a page runs them in process, and
//! being endpoints they are guarded and enumerated like the rest.
//!
//! Every argument has a default: a plain form leaves out what is empty, and judging it is
//! `portal::ops`' business.

pub mod deliveries;
pub mod events;
pub mod hooks;
pub mod jobs;
pub mod log;
pub mod preferences;
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
