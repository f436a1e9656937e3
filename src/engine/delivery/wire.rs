//! The byte stream of a connection to a receiver: TCP, or TLS over TCP. The HTTP library owns the
//! stream while the connection is open; the shared [`Socket`] lets the engine observe it: whether
//! bytes arrived, what the first byte was, and how much may still come before the response.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// Maximum bytes before the head of a response is complete. The HTTP library limits one head; this
/// also bounds an endless series of interim responses (`100 Continue`) before it.
const MAX_BEFORE_RESPONSE: usize = 256 * 1024;

/// Flag that distinguishes a first byte of value 0 from no byte.
const IS_SET: u16 = 0x100;

/// The shared view of a connection.
pub struct Socket {
    stream: TcpStream,
    /// The first byte received, before TLS decryption, with [`IS_SET`]; 0 before it arrives.
    first_byte: AtomicU16,
    /// Bytes arrived (after TLS decryption) since the last request was sent.
    has_received: AtomicBool,
    /// Bytes that may still arrive before the response; `usize::MAX` once its head is there.
    remaining: AtomicUsize,
}

impl Socket {
    /// Whether an idle connection is still usable: the receiver has neither closed it nor sent
    /// unrequested bytes. Asks the kernel, because the runtime's readiness can be outdated.
    pub fn is_silent(&self) -> bool {
        let mut byte = [0; 1];
        matches!(
            recv(&self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT),
            Err(Errno::AGAIN)
        )
    }

    /// Resets the counters. Call it before a request is sent.
    pub fn request_started(&self) {
        self.has_received.store(false, Ordering::Relaxed);
        self.remaining.store(MAX_BEFORE_RESPONSE, Ordering::Relaxed);
    }

    /// The head of the response is complete: lifts the limit. The reader limits the body.
    pub fn response_started(&self) {
        self.remaining.store(usize::MAX, Ordering::Relaxed);
    }

    /// Counts received bytes. Returns `false` when the limit is exceeded.
    fn count_received(&self, bytes: usize) -> bool {
        self.has_received.store(true, Ordering::Relaxed);
        let remaining = self.remaining.load(Ordering::Relaxed);
        if remaining != usize::MAX {
            self.remaining.store(remaining.saturating_sub(bytes), Ordering::Relaxed);
        }
        remaining > bytes
    }

    /// Whether bytes arrived since the last request was sent.
    pub fn has_received(&self) -> bool {
        self.has_received.load(Ordering::Relaxed)
    }

    /// The first byte that the receiver sent. It distinguishes plain HTTP from TLS.
    pub fn first_byte(&self) -> Option<u8> {
        let [flag, byte] = self.first_byte.load(Ordering::Relaxed).to_be_bytes();
        (flag != 0).then_some(byte)
    }
}

/// A TCP stream.
pub struct Tcp(Arc<Socket>);

/// The stream that the HTTP library reads and writes.
pub struct Stream {
    socket: Arc<Socket>,
    inner: Either<Tcp, Box<TlsStream<Tcp>>>,
}

impl Tcp {
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Socket {
            stream,
            first_byte: AtomicU16::new(0),
            has_received: AtomicBool::new(false),
            remaining: AtomicUsize::new(usize::MAX),
        }))
    }

    pub fn socket(&self) -> Arc<Socket> {
        self.0.clone()
    }
}

impl From<Tcp> for Stream {
    fn from(tcp: Tcp) -> Self {
        Self { socket: tcp.socket(), inner: Either::Left(tcp) }
    }
}

impl From<TlsStream<Tcp>> for Stream {
    fn from(tls: TlsStream<Tcp>) -> Self {
        Self { socket: tls.get_ref().0.socket(), inner: Either::Right(Box::new(tls)) }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &*self.0;
        loop {
            ready!(socket.stream.poll_read_ready(context))?;
            let before = buffer.filled().len();
            match socket.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(_) => {
                    if let Some(byte) = buffer.filled().get(before)
                        && socket.first_byte.load(Ordering::Relaxed) == 0
                    {
                        socket.first_byte.store(IS_SET | u16::from(*byte), Ordering::Relaxed);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Tcp {
    /// Calls `write` when the socket is writable, until it does not block.
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(context))?;
            match write(&self.0.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the connection is dropped right after a shutdown, and that closes it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let received = buffer.filled().len() - before;
        if received > 0 && !self.socket.count_received(received) {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
