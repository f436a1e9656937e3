//! Name resolution for tests: a lookup that answers from a table, and a name server whose answers a
//! test sets.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use service_hooks::engine::delivery::resolver::{Lookup, LookupAnswer, LookupError};
use tokio::net::UdpSocket;

/// Answers from a table; a name with several entries returns them one after the other.
#[derive(Default)]
pub struct Names {
    entries: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    /// The TTL of answers; a minute unless set.
    lasts: Mutex<Option<Duration>>,
}

impl Names {
    pub fn set(&self, name: &str, answers: &[&[&str]]) {
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect())
            .collect();
        self.entries.lock().unwrap().insert(name.to_owned(), answers);
    }

    pub fn last(&self, lasts: Duration) {
        *self.lasts.lock().unwrap() = Some(lasts);
    }
}

impl Lookup for Names {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        _: bool,
    ) -> BoxFuture<'a, Result<LookupAnswer, LookupError>> {
        let lasts = self.lasts.lock().unwrap().unwrap_or(Duration::from_secs(60));
        let mut table = self.entries.lock().unwrap();
        let answer = match table.get_mut(name) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(LookupError::NotFound),
        };
        Box::pin(async move { answer.map(|addresses| LookupAnswer { addresses, ttl: lasts }) })
    }
}

/// The answer of the name server for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    Address([u8; 4]),
    /// A response code of RFC 1035, without records.
    Code(u8),
    Silence,
}

/// Response codes of RFC 1035.
pub const NO_ERROR: u8 = 0;
pub const SERVFAIL: u8 = 2;
pub const NXDOMAIN: u8 = 3;
pub const REFUSED: u8 = 5;

/// A name server on loopback. It answers NXDOMAIN, with a TTL of a day, for names without an entry.
#[derive(Clone)]
pub struct NameServer {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    names: Mutex<HashMap<String, NameAnswer>>,
    /// While set: the answer for every name.
    all: Mutex<Option<NameAnswer>>,
    asked: AtomicUsize,
}

impl NameServer {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: socket.local_addr().unwrap(), inner: Arc::default() };
        let inner = server.inner.clone();
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                inner.asked.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = inner.answer(&question[..length]) {
                    let _gone = socket.send_to(&answer, from).await;
                }
            }
        });
        server
    }

    pub fn set(&self, name: &str, answer: NameAnswer) {
        self.inner.names.lock().unwrap().insert(name.to_owned(), answer);
    }

    pub fn answer_all(&self, answer: Option<NameAnswer>) {
        *self.inner.all.lock().unwrap() = answer;
    }

    /// The number of queries received.
    pub fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }
}

impl Inner {
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = name_of(question);
        let kind = question[end + 1];
        let entry = self.names.lock().unwrap().get(&name).copied();
        let answer = self.all.lock().unwrap().or(entry).unwrap_or(NameAnswer::Code(NXDOMAIN));
        let (code, address) = match answer {
            NameAnswer::Silence => return None,
            NameAnswer::Code(code) => (code, None),
            // Only A records exist.
            NameAnswer::Address(address) => (NO_ERROR, (kind == 1).then_some(address)),
        };
        let (answers, authorities) =
            (u8::from(address.is_some()), u8::from(address.is_none() && code % 3 == 0));
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, authorities, 0, 0]);
        answer.extend(&question[12..end + 4]);
        if let Some(address) = address {
            // The name of the question; A, IN, 60 s.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(address);
        }
        if authorities > 0 {
            // SOA of the root: the negative answer may be cached for a day.
            answer.extend([0, 0, 6, 0, 1, 0, 1, 0x51, 0x80, 0, 22, 0, 0]);
            answer.extend(
                [1u32, 3600, 600, 86_400, 86_400].iter().flat_map(|number| number.to_be_bytes()),
            );
        }
        Some(answer)
    }
}

/// The name in a query, and the offset of its end.
fn name_of(question: &[u8]) -> (String, usize) {
    let mut labels = Vec::new();
    let mut at = 12;
    while question[at] != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_ascii_lowercase());
        at += length + 1;
    }
    (labels.join("."), at + 1)
}
