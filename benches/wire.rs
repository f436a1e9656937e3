//! A minimal HTTP/1.1 implementation for the load generator and the receiver: keep-alive and
//! `content-length` only. A library would use more CPU time than the measured subject.

use std::{io, ops::Range};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Maximum size of a message. Real ones are far smaller.
const MAX_MESSAGE: usize = 8 * 1024 * 1024;

/// A connection that reads whole messages.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Length of the last returned message, which is still at the front of the buffer.
    used: usize,
}

/// A request or a response.
pub struct Message<'a> {
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.head.get(9..12)?).ok()?.parse().ok()
    }
}

impl Wire {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096), used: 0 })
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next message; `None` when the peer has closed the connection.
    pub async fn receive(&mut self) -> io::Result<Option<Message<'_>>> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let body = loop {
            if let Some(body) = body_of(&self.buffer) {
                break body;
            }
            if self.buffer.len() > MAX_MESSAGE {
                return Err(io::Error::other("a message without an end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        self.used = body.end;
        Ok(Some(Message { head: &self.buffer[..body.start], body: &self.buffer[body] }))
    }

    /// Reads and discards everything until the peer closes the connection.
    pub async fn discard_all(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            self.used = 0;
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// The position of the body of the first message. `None` until the message is complete.
fn body_of(buffer: &[u8]) -> Option<Range<usize>> {
    let start = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let end = start + content_length(&buffer[..start]);
    (buffer.len() >= end).then_some(start..end)
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let line = head.split(|byte| *byte == b'\n').find(|line| {
        let name = line.get(..NAME.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    });
    let value = line.and_then(|line| std::str::from_utf8(&line[NAME.len()..]).ok());
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
