//! Clients that mean no good. Each comes from an address of its own kind, so that the others' share
//! is theirs.

use std::{future::pending, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

const PAGE: &str = "GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// Between two bytes of a drip.
const DRIP: Duration = Duration::from_secs(1);

/// What they do.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Connect, and no more.
    SayNothing,
    /// Stop in the middle of a head.
    StopInTheHead,
    /// Stop in the middle of a body that was announced.
    StopInTheBody,
    /// Ask for one page after the other and read none.
    NeverRead,
    /// Keep an answered connection open.
    Linger,
    /// Speak HTTP/2 and answer nothing but pings.
    SpeakHttp2,
    /// Go on with frames of HTTP/2 as if the other side spoke it.
    SendFrames,
    /// A byte of a head a second.
    Drip,
    /// Ask again and again, as fast as it is answered.
    Flood,
    /// Ask, say that nothing more comes, and read nothing.
    HalfClose,
    /// Ask for many pages at once, and read them.
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

    /// How many there are, where as many as `most` may be. What each answer costs is the server's
    /// work and not a place: of those who have themselves served without end, as many as share its
    /// processors still let others through.
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
            // The greeting, settings, and then the same headers frame again and again.
            Self::SendFrames => {
                let headers = "\0\0\u{3}\u{1}\u{5}\0\0\0\u{1}\u{2}\u{4}\u{6}".repeat(1000);
                format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0{headers}")
            }
        };
        text.into_bytes()
    }

    /// What they do after that, until the server has had enough.
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
        // It stays, and neither reads nor writes.
        pending().await
    }
}

async fn connect(server: SocketAddr, last: u8) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // A small window: what is not read stays with the server.
    socket.set_recv_buffer_size(4096)?;
    socket.bind(SocketAddr::from(([127, 0, 1, last], 0)))?;
    socket.connect(server).await
}

/// So many of a kind, from four addresses. They stay until they are dropped.
pub async fn crowd(kind: Kind, server: SocketAddr, most: usize) -> JoinSet<io::Result<()>> {
    let mut crowd = JoinSet::new();
    for number in 0..kind.count(most) {
        // The server may be unable to take all of them at once: those that wait to be accepted
        // count too.
        let Ok(mut client) = connect(server, 1 + (number % 4) as u8).await else { continue };
        // It may be closed already.
        let _closed = client.write_all(&kind.words()).await;
        crowd.spawn(kind.go_on(client));
    }
    crowd
}

/// Asks for more than fits between the two, and reads nothing.
pub async fn never_reads(server: SocketAddr) -> TcpStream {
    let mut client = connect(server, 1).await.unwrap();
    let words = Kind::NeverRead.words();
    for _ in 0..20 {
        // The server stops reading once it cannot write.
        let sent = tokio::time::timeout(Duration::from_millis(200), client.write_all(&words)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    client
}

/// Has the server closed it? What is written then comes back as an error.
pub async fn is_closed(client: &mut TcpStream) -> bool {
    client.write(b"\r\n").await.is_err()
}
