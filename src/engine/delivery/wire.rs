//! The bytes of one connection to a receiver: TCP alone, or TLS over it. The HTTP library owns the
//! connection while it is open; the [`Line`] is what can still be asked about it from outside.

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

/// Bytes that may come before the head of an answer is there. One head is limited by the HTTP
/// library; this bounds what comes before it, such as `100 Continue` without end, each of which
/// costs the library as much as an answer.
const BEFORE_ANSWER: usize = 256 * 1024;

/// Marks that a byte is there: its value may be zero.
const IS_THERE: u16 = 0x100;

/// What is known of a connection from outside.
pub struct Line {
    stream: TcpStream,
    /// The first byte that came, before TLS took it apart.
    first: AtomicU16,
    /// Something came (after TLS) since the last request was sent.
    has_answered: AtomicBool,
    /// Bytes that may still come before the answer. No limit once it is there.
    room: AtomicUsize,
}

impl Line {
    /// Nothing has come that was not asked for, and the receiver has not closed. Asks the kernel
    /// itself: what the runtime knows may be older.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0; 1];
        matches!(
            recv(&self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT),
            Err(Errno::AGAIN)
        )
    }

    /// A request is about to be sent.
    pub fn begin(&self) {
        self.has_answered.store(false, Ordering::Relaxed);
        self.room.store(BEFORE_ANSWER, Ordering::Relaxed);
    }

    /// The head of the answer is there. Its body is limited by who reads it.
    pub fn answered(&self) {
        self.room.store(usize::MAX, Ordering::Relaxed);
    }

    /// So much more came. Is it still within the limit?
    fn count(&self, bytes: usize) -> bool {
        self.has_answered.store(true, Ordering::Relaxed);
        let room = self.room.load(Ordering::Relaxed);
        if room != usize::MAX {
            self.room.store(room.saturating_sub(bytes), Ordering::Relaxed);
        }
        room > bytes
    }

    /// Did anything come since then?
    pub fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// The first byte that ever came: it tells plain HTTP from TLS.
    pub fn first_byte(&self) -> Option<u8> {
        let [there, byte] = self.first.load(Ordering::Relaxed).to_be_bytes();
        (there != 0).then_some(byte)
    }
}

/// TCP without TLS.
pub struct Tcp(Arc<Line>);

/// What the HTTP library reads from and writes to.
pub struct Stream {
    line: Arc<Line>,
    inner: Either<Tcp, Box<TlsStream<Tcp>>>,
}

impl Tcp {
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Line {
            stream,
            first: AtomicU16::new(0),
            has_answered: AtomicBool::new(false),
            room: AtomicUsize::new(usize::MAX),
        }))
    }

    pub fn line(&self) -> Arc<Line> {
        self.0.clone()
    }
}

impl From<Tcp> for Stream {
    fn from(tcp: Tcp) -> Self {
        Self { line: tcp.line(), inner: Either::Left(tcp) }
    }
}

impl From<TlsStream<Tcp>> for Stream {
    fn from(tls: TlsStream<Tcp>) -> Self {
        Self { line: tls.get_ref().0.line(), inner: Either::Right(Box::new(tls)) }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = &*self.0;
        loop {
            ready!(line.stream.poll_read_ready(context))?;
            let before = buffer.filled().len();
            match line.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(_) => {
                    if let Some(byte) = buffer.filled().get(before)
                        && line.first.load(Ordering::Relaxed) == 0
                    {
                        line.first.store(IS_THERE | u16::from(*byte), Ordering::Relaxed);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Tcp {
    /// Writes as soon as the kernel takes something.
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

    /// A connection that is shut down is dropped at once, and that closes it.
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
        let came = buffer.filled().len() - before;
        if came > 0 && !self.line.count(came) {
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
