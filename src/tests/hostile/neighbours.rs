//! Hostile receivers, as neighbours of healthy ones.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// The length of the head: less than that is no response.
const HEAD: usize = ANSWER.len() - 2;
/// Pause between two bytes of a drip.
const DRIP: Duration = Duration::from_millis(100);

/// The behaviour of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Responds twice to a connection's first request at once, and to no other request on it.
    AnswerTwice,
    /// The same, with the second response a moment later. If the next request is already in flight
    /// then, the response cannot be told from its own: it may count for that request, but for no
    /// other.
    AnswerAgainLater,
    /// Responds before any request, and never again.
    AnswerEarly,
    EndlessHead,
    EndlessBody,
    EndlessInterim,
    Drip,
    /// Resets the connection after a number of response bytes, one more each time; every second
    /// request gets a response, so that the hook is not paused.
    Reset,
    Close,
    NeverAnswer,
    SpeakTls,
    PromiseMore,
    PromiseLess,
    BreakChunks,
    HugeHeaders,
}

impl Kind {
    pub const ALL: [Self; 15] = [
        Self::AnswerTwice,
        Self::AnswerAgainLater,
        Self::AnswerEarly,
        Self::EndlessHead,
        Self::EndlessBody,
        Self::EndlessInterim,
        Self::Drip,
        Self::Reset,
        Self::Close,
        Self::NeverAnswer,
        Self::SpeakTls,
        Self::PromiseMore,
        Self::PromiseLess,
        Self::BreakChunks,
        Self::HugeHeaders,
    ];
    /// Requests until a reset came after each byte of a response.
    pub const ALL_RESETS: usize = 2 * (ANSWER.len() + 1);
}

#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    answered: AtomicUsize,
}

/// A running hostile receiver.
pub struct Neighbour {
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

impl Neighbour {
    pub async fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::<Counts>::default();
        let ours = counts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counts = ours.clone();
                // It ends when the client closes.
                tokio::spawn(async move { converse(stream, kind, &counts).await });
            }
        });
        Self { address, counts }
    }

    /// Complete requests.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// The maximum number of requests that may count as answered.
    pub fn answered(&self) -> usize {
        self.counts.answered.load(Ordering::SeqCst)
    }
}

async fn converse(mut stream: TcpStream, kind: Kind, counts: &Counts) -> io::Result<()> {
    if kind == Kind::AnswerEarly {
        counts.answered.fetch_add(1, Ordering::SeqCst);
        stream.write_all(ANSWER.as_bytes()).await?;
    }
    let mut nth = 0;
    while read_request(&mut stream).await? {
        let number = counts.requests.fetch_add(1, Ordering::SeqCst);
        let is_first = nth == 0;
        nth += 1;
        let answered = || counts.answered.fetch_add(1, Ordering::SeqCst);
        match kind {
            Kind::AnswerTwice if is_first => {
                answered();
                stream.write_all(ANSWER.repeat(2).as_bytes()).await?;
            }
            Kind::AnswerAgainLater if is_first => {
                answered();
                stream.write_all(ANSWER.as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(number as u64 % 20)).await;
                answered();
                stream.write_all(ANSWER.as_bytes()).await?;
            }
            Kind::AnswerTwice | Kind::AnswerAgainLater | Kind::AnswerEarly | Kind::NeverAnswer => {}
            Kind::Close => return Ok(()),
            Kind::Reset if number % 2 == 1 => {
                answered();
                stream.write_all(ANSWER.as_bytes()).await?;
            }
            Kind::Reset => {
                let length = number / 2 % (ANSWER.len() + 1);
                if length >= HEAD {
                    answered();
                }
                stream.write_all(&ANSWER.as_bytes()[..length]).await?;
                return stream.set_zero_linger();
            }
            _ => {
                if kind.begins_an_answer() {
                    answered();
                }
                return kind.ramble(&mut stream).await;
            }
        }
    }
    Ok(())
}

impl Kind {
    /// Is a complete head sent, so that it counts as a response?
    fn begins_an_answer(self) -> bool {
        matches!(
            self,
            Self::EndlessBody
                | Self::PromiseMore
                | Self::PromiseLess
                | Self::BreakChunks
                | Self::HugeHeaders
        )
    }

    async fn ramble(self, stream: &mut TcpStream) -> io::Result<()> {
        let (first, rest): (String, Vec<u8>) = match self {
            Self::EndlessHead => ("HTTP/1.1 200 OK\r\nx: ".into(), vec![b'x'; 4096]),
            Self::EndlessBody => ("HTTP/1.1 200 OK\r\n\r\n".into(), vec![b'x'; 4096]),
            Self::EndlessInterim => {
                (String::new(), "HTTP/1.1 100 Continue\r\n\r\n".repeat(99).into())
            }
            Self::Drip => ("HTTP/1.1 200 OK\r\nx: ".into(), b"x".to_vec()),
            // A handshake failure alert, and a greeting.
            Self::SpeakTls => (
                "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}\u{16}\u{3}\u{3}\0\u{7a}\u{2}\0\0".into(),
                Vec::new(),
            ),
            Self::PromiseMore => {
                ("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort".into(), Vec::new())
            }
            Self::PromiseLess => {
                ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nlonger than that".into(), Vec::new())
            }
            Self::BreakChunks => (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n-1\r\n".into(),
                Vec::new(),
            ),
            Self::HugeHeaders => {
                (format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)), Vec::new())
            }
            _ => (String::new(), Vec::new()),
        };
        stream.write_all(first.as_bytes()).await?;
        while !rest.is_empty() {
            stream.write_all(&rest).await?;
            if self == Self::Drip {
                tokio::time::sleep(DRIP).await;
            }
        }
        // A receiver that announced a shorter body keeps the connection open for the next request.
        if self == Self::PromiseLess {
            while read_request(stream).await? {}
        }
        Ok(())
    }
}

/// Reads a request to its end. `false`: there is none any more.
async fn read_request(stream: &mut TcpStream) -> io::Result<bool> {
    let (mut came, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&came).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return Ok(true);
            }
        }
        match stream.read(&mut part).await? {
            0 => return Ok(false),
            read => came.extend_from_slice(&part[..read]),
        }
    }
}
