//! Views. `pages` assemble `widgets` from what `rpc` reads; widgets know no business. Nothing here
//! imports the server, and nothing here has a `cfg`: what only a server can do is an `rpc`
//! function.

pub mod pages;
pub mod widgets;
