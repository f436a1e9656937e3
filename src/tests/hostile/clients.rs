//! Hostile clients. Each kind has its own addresses, so that the others have their own share of the
//! connections.

use std::{future::pending, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

const PAGE: &str = "GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// Pause between two bytes of a drip.
const DRIP: Duration = Duration::from_secs(1);

/// The behaviour of a client.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Connects and sends nothing.
    SayNothing,
    /// Stops in the middle of a head.
    StopInTheHead,
    /// Stops in the middle of a body.
    StopInTheBody,
    /// Requests many pages and reads none.
    NeverRead,
    /// Keeps a connection open after its response.
    Linger,
    /// Speaks HTTP/2 and responds only to pings.
    SpeakHttp2,
    /// Sends HTTP/2 frames to a server that does not speak it.
    SendFrames,
    /// Sends one byte of a head per second.
    Drip,
    /// Sends requests as fast as they are answered.
    Flood,
    /// Sends a request, shuts down its sending side, and reads nothing.
    HalfClose,
    /// Pipelines many requests and reads the responses.
    Pipeline,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::SayNothing,
        Self::StopInTheHead,
        Self::StopInTheBody,
        Self::NeverRead,
        Self::Linger,
        Self::SpeakHttp2,
        Self::SendFrames,
        Self::Drip,
        Self::Flood,
        Self::HalfClose,
        Self::Pipeline,
    ];

    /// The number of clients, at most `most`. Requests that the server answers cost processor time
    /// instead of connections: only as many such clients are used as leave processor time for
    /// others.
    fn count(self, most: usize) -> usize {
        if matches!(self, Self::Flood | Self::Pipeline) { most.min(32) } else { most }
    }

    fn words(self) -> Vec<u8> {
        let text = match self {
            Self::SayNothing => String::new(),
            Self::StopInTheHead => "GET /sign-in HTTP/1.1\r\nHost: loc".into(),
            Self::StopInTheBody => {
                "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: \
                 1000\r\n\r\n{\"type\""
                    .into()
            }
            Self::NeverRead => PAGE.repeat(100),
            Self::Linger | Self::Flood | Self::HalfClose => PAGE.into(),
            Self::Pipeline => PAGE.repeat(20),
            Self::Drip => "GET /sign-in HTTP/1.1\r\nX: ".into(),
            Self::SpeakHttp2 => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".into(),
            // Preface, settings, and then the same HEADERS frame repeatedly.
            Self::SendFrames => {
                let headers = "\0\0\u{3}\u{1}\u{5}\0\0\0\u{1}\u{2}\u{4}\u{6}".repeat(1000);
                format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0{headers}")
            }
        };
        text.into_bytes()
    }

    /// Continues until the server closes.
    async fn go_on(self, mut client: TcpStream) -> io::Result<()> {
        let mut answer = [0; 16 * 1024];
        match self {
            Self::Drip => loop {
                client.write_all(b"x").await?;
                tokio::time::sleep(DRIP).await;
            },
            Self::Flood => loop {
                if client.read(&mut answer).await? == 0 {
                    return Ok(());
                }
                client.write_all(PAGE.as_bytes()).await?;
            },
            Self::Pipeline => while client.read(&mut answer).await? > 0 {},
            Self::HalfClose => client.shutdown().await?,
            _ => {}
        }
        // It keeps the connection open without reading or writing.
        pending().await
    }
}

async fn connect(server: SocketAddr, last: u8) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // A small window: unread bytes remain in the server.
    socket.set_recv_buffer_size(4096)?;
    socket.bind(SocketAddr::from(([127, 0, 1, last], 0)))?;
    socket.connect(server).await
}

/// Clients of one kind, from four addresses. They stay connected until they are dropped.
pub async fn crowd(kind: Kind, server: SocketAddr, most: usize) -> JoinSet<io::Result<()>> {
    let mut crowd = JoinSet::new();
    for number in 0..kind.count(most) {
        // The server may be unable to accept all of them at once: connections in the backlog count
        // too.
        let Ok(mut client) = connect(server, 1 + (number % 4) as u8).await else { continue };
        // It may be closed already.
        let _closed = client.write_all(&kind.words()).await;
        crowd.spawn(kind.go_on(client));
    }
    crowd
}

/// Requests more than both socket buffers can hold, and reads nothing.
pub async fn never_reads(server: SocketAddr) -> TcpStream {
    let mut client = connect(server, 1).await.unwrap();
    let words = Kind::NeverRead.words();
    for _ in 0..20 {
        // The server stops reading when it cannot write.
        let sent = tokio::time::timeout(Duration::from_millis(200), client.write_all(&words)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    client
}

/// Has the server closed it? Then a write fails.
pub async fn is_closed(client: &mut TcpStream) -> bool {
    client.write(b"\r\n").await.is_err()
}
