//! As much HTTP/1.1 as the load generator and the receiver need: keep-alive, `content-length`,
//! nothing else. A library would cost the two cores more than what is being measured.

use std::{io, ops::Range};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A head and a body are far below this; more is a peer gone mad.
const LONGEST: usize = 8 * 1024 * 1024;

/// A connection that reads whole messages.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The message that was handed out last, still at the front of the buffer.
    used: usize,
}

/// A request or an answer.
pub struct Message<'a> {
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The status, if this is an answer.
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

    /// The next message; none when the peer has closed.
    pub async fn receive(&mut self) -> io::Result<Option<Message<'_>>> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let body = loop {
            if let Some(body) = body_of(&self.buffer) {
                break body;
            }
            if self.buffer.len() > LONGEST {
                return Err(io::Error::other("a message without an end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        self.used = body.end;
        Ok(Some(Message { head: &self.buffer[..body.start], body: &self.buffer[body] }))
    }

    /// Reads and forgets until the peer closes.
    pub async fn swallow(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            self.used = 0;
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// Where the body of the message at the front lies, once all of it is there.
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
