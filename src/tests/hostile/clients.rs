//! Clients that mean no good. Each comes from an address of its own kind, so that the others' share is theirs.

use std::net::SocketAddr;

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

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
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::SayNothing, Self::StopInTheHead, Self::StopInTheBody, Self::NeverRead, Self::Linger, Self::SpeakHttp2];

    fn words(self) -> Vec<u8> {
        const PAGE: &str = "GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let text = match self {
            Self::SayNothing => String::new(),
            Self::StopInTheHead => "GET /sign-in HTTP/1.1\r\nHost: loc".into(),
            Self::StopInTheBody => {
                "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"type\"".into()
            }
            Self::NeverRead => PAGE.repeat(100),
            Self::Linger => PAGE.into(),
            Self::SpeakHttp2 => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".into(),
        };
        text.into_bytes()
    }
}

async fn connect(server: SocketAddr, last: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // A small window: what is not read stays with the server.
    socket.set_recv_buffer_size(4096)?;
    socket.bind(SocketAddr::from(([127, 0, 1, last], 0)))?;
    socket.connect(server).await
}

/// So many of a kind, from four addresses. They stay until they are dropped.
pub async fn crowd(kind: Kind, server: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for number in 0..count {
        // The server may be unable to take all of them at once: those that wait to be accepted count too.
        let Ok(mut client) = connect(server, 1 + (number % 4) as u8).await else { continue };
        // It may be closed already.
        let _closed = client.write_all(&kind.words()).await;
        crowd.push(client);
    }
    crowd
}

/// Asks for more than fits between the two, and reads nothing.
pub async fn never_reads(server: SocketAddr) -> TcpStream {
    let mut client = connect(server, 1).await.unwrap();
    let words = Kind::NeverRead.words();
    for _ in 0..20 {
        // The server stops reading once it cannot write.
        let sent = tokio::time::timeout(std::time::Duration::from_millis(200), client.write_all(&words)).await;
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
