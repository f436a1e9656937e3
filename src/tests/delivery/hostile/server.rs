//! A hostile receiver: its behaviour depends on the path.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// The reaction after it read the request.
#[derive(Clone, Debug)]
pub enum Conduct {
    /// Sends nothing and keeps the connection open.
    Silence,
    /// Sends the first byte by byte, then the second repeatedly, with pauses.
    Drip(Vec<u8>, Vec<u8>),
    /// Sends the first, then the second repeatedly, as fast as possible.
    Flood(Vec<u8>, Vec<u8>),
    /// Sends this and closes.
    HangUp(Vec<u8>),
}

/// Pause between two pieces of a drip.
const DRIP: Duration = Duration::from_millis(10);
/// Small kernel buffers, so that bytes written are nearly the bytes read.
const BUFFER: u32 = 16 * 1024;

struct Inner {
    conducts: Mutex<Vec<Conduct>>,
    /// Open connections, and the maximum bytes written to one of them.
    open: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Clone)]
pub struct Hostile {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl Hostile {
    pub fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let conducts = Mutex::new(vec![Conduct::Silence]);
        let inner =
            Arc::new(Inner { conducts, open: AtomicUsize::new(0), most: AtomicUsize::new(0) });
        let server = inner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = server.clone();
                tokio::spawn(async move {
                    inner.open.fetch_add(1, Ordering::SeqCst);
                    let written = converse(stream, &inner.conducts).await;
                    inner.most.fetch_max(written, Ordering::SeqCst);
                    inner.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, inner }
    }

    /// For further connections: path `/n` gets the n-th behaviour, modulo their number.
    pub fn behave(&self, conducts: Vec<Conduct>) {
        *self.inner.conducts.lock().unwrap() = conducts;
        self.inner.most.store(0, Ordering::SeqCst);
    }

    pub fn open(&self) -> usize {
        self.inner.open.load(Ordering::SeqCst)
    }

    /// The most that one connection took since the last change of behaviour, including kernel
    /// buffers.
    pub fn most(&self) -> usize {
        self.inner.most.load(Ordering::SeqCst)
    }
}

/// Serves until the client closes. Returns the number of bytes written.
async fn converse(mut stream: TcpStream, conducts: &Mutex<Vec<Conduct>>) -> usize {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&request[..read]);
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let conduct = {
        let conducts = conducts.lock().unwrap();
        conducts[path.parse::<usize>().unwrap_or(0) % conducts.len()].clone()
    };
    let mut written = 0;
    // The client closes: that is expected, not a failure.
    let _hung_up = act(&mut stream, conduct, &mut written).await;
    while matches!(stream.read(&mut request).await, Ok(1..)) {}
    written
}

async fn act(stream: &mut TcpStream, conduct: Conduct, written: &mut usize) -> std::io::Result<()> {
    match conduct {
        Conduct::Silence => Ok(()),
        Conduct::HangUp(all) => {
            say(stream, &all, written).await?;
            stream.shutdown().await
        }
        Conduct::Flood(first, rest) => {
            say(stream, &first, written).await?;
            loop {
                say(stream, &rest, written).await?;
            }
        }
        Conduct::Drip(first, rest) => {
            for byte in first {
                say(stream, &[byte], written).await?;
                tokio::time::sleep(DRIP).await;
            }
            loop {
                say(stream, &rest, written).await?;
                tokio::time::sleep(DRIP).await;
            }
        }
    }
}

async fn say(stream: &mut TcpStream, mut bytes: &[u8], written: &mut usize) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let more = stream.write(bytes).await?;
        *written += more;
        bytes = &bytes[more..];
    }
    Ok(())
}

/// Ten megabytes of zeros in sixty kilobytes: one literal and then a repeated match of 258 bytes,
/// in deflate's fixed codes.
pub fn gzip_bomb() -> Vec<u8> {
    let mut bits: Vec<u8> = Vec::new();
    let mut push = |text: &str| bits.extend(text.bytes().map(|bit| bit - b'0'));
    // The last block, fixed codes; a zero.
    push("110");
    push("00110000");
    for _ in 0..40_000 {
        // Length 258, distance 1.
        push("1100010100000");
    }
    push("0000000");
    let byte =
        |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | bit << place);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.extend(bits.chunks(8).map(byte));
    // A checksum and a length, which no client reaches.
    bytes.extend([0; 8]);
    bytes
}
