//! Tests of the accept loop.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;

#[tokio::test]
async fn an_answered_connection_is_evicted_for_one_that_waits() {
    let slots = Slots::new(2, &[], Clock::System.stopwatch());
    let peers = ["10.0.0.1:1", "10.0.0.2:1"].map(|from| from.parse::<SocketAddr>().unwrap());
    let held = [next_slot(peers[0], &slots).await, next_slot(peers[1], &slots).await];
    held.iter().for_each(|slot| slot.progress.set_idle(false));
    let newcomer = "10.0.0.3:1".parse().unwrap();
    let (slot, ()) = tokio::join!(next_slot(newcomer, &slots), async {
        tokio::task::yield_now().await;
        held[0].progress.set_idle(true);
    });
    assert!(
        held[0].evicted.is_cancelled()
            && !held[1].evicted.is_cancelled()
            && !slot.evicted.is_cancelled()
    );
}

/// An office behind one address with many open event streams.
#[tokio::test]
async fn an_address_without_slots_does_not_delay_others() {
    let (asked, answer) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (arrived, may_answer) = (asked.clone(), answer.clone());
    let slow = axum::routing::get(move || async move {
        arrived.add_permits(1);
        drop(may_answer.acquire().await);
    });
    let router = Router::new().route("/slow", slow).route("/", axum::routing::get(|| async {}));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server {
        router,
        stop: CancellationToken::new(),
        slots: Slots::new(4, &[], Clock::System.stopwatch()),
        slot_deadline: Duration::from_secs(3600),
    };
    tokio::spawn(server.run(listener, Duration::ZERO));
    let mut busy = Vec::new();
    for _ in 0..2 {
        busy.push(connect([127, 0, 0, 1], address, "/slow").await);
    }
    drop(asked.acquire_many(2).await.unwrap());
    let mut third = connect([127, 0, 0, 1], address, "/").await;
    let mut other = connect([127, 0, 0, 2], address, "/").await;
    assert!(first_line(&mut other).await.contains("200"));
    answer.add_permits(2);
    assert!(first_line(&mut third).await.contains("200"), "it got the slot that was freed");
}

async fn connect(from: [u8; 4], to: SocketAddr, path: &str) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}
