//! The listening socket. Its options limit how much kernel memory unread responses take and for how
//! long; accepted connections inherit them.

#[cfg(target_os = "linux")]
use std::time::Duration;
use std::{io, net::SocketAddr};

#[cfg(target_os = "linux")]
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

/// Length of the kernel's accept queue. A client that finds it full retries only after a second.
const BACKLOG: u32 = 4096;
/// Send buffer in bytes per connection. (The kernel doubles it for its own overhead.) With
/// auto-tuning it could grow to megabytes.
const SEND_BUFFER: u32 = 128 * 1024;
/// TCP user timeout: a connection whose sent data stays unacknowledged this long is dropped, also
/// after the server has closed it.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Listens at an address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted server must be able to bind while old connections are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(
        &socket,
        u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX),
    )?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
