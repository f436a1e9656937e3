//! A client connection with a write-stall timeout: a client that stops reading the response is
//! disconnected. (The HTTP library and the router limit the time of the head, the body and idle
//! connections.)

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::slots::Progress;

/// A client that reads no byte for this long is disconnected.
pub const STALL: Duration = Duration::from_secs(15);

/// A TCP stream with a stall timeout on writes.
pub struct Stream {
    inner: TcpStream,
    progress: Arc<Progress>,
    /// Runs while writes are blocked.
    stall: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub fn new(inner: TcpStream, progress: Arc<Progress>) -> Self {
        Self { inner, progress, stall: None }
    }

    /// Passes a write's result on. Starts the stall timer when the write is pending, and fails when
    /// it fires.
    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.stall.take().is_some() {
                self.progress.set_stalled(false);
            }
            return written;
        }
        let progress = &self.progress;
        let stall = self.stall.get_or_insert_with(|| {
            progress.set_stalled(true);
            Box::pin(sleep(STALL))
        });
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// A stalled connection is reset (linger 0): otherwise the kernel would keep and retransmit the
/// unread data for minutes.
impl Drop for Stream {
    fn drop(&mut self) {
        if self.stall.is_some() {
            let _best_effort = sockopt::set_socket_linger(&self.inner, Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.watch(context, written)
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
