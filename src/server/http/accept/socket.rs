//! The socket that clients connect to, set so that one who takes nothing of an answer costs little
//! of the kernel's memory, and that not for long: connections inherit what is set here.

use std::{io, net::SocketAddr, time::Duration};

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps for us until we take them. A flood fills the queue, and a
/// client that finds it full tries again only after a second.
const BACKLOG: u32 = 4096;
/// Bytes of answers that the kernel keeps for a client. (It counts twice as much, with its own
/// overhead.) Left alone it would keep megabytes.
const SEND_BUFFER: u32 = 128 * 1024;
/// A closed connection whose client acknowledges nothing is forgotten after this long.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Listens at an address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that starts again must not wait for the last one's connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    let millis = u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&socket, millis)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
