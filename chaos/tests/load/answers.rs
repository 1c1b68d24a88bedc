//! Answers as they may come over the wire, from a server that writes them byte by byte.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use voteops_chaos::load::{ErrorKind, Report};

use crate::flood::{plan, run};

const VOTES: u64 = 20;
const ACCEPTED: &str = r#"{"vote_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;

/// Serves `answer` to every vote in pieces of so many bytes, over as many connections as come, and
/// counts them.
async fn serve(answer: String, piece_bytes: usize) -> (Url, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer_votes(stream, answer.clone(), piece_bytes));
        }
    });
    (url.parse().unwrap(), connections)
}

async fn answer_votes(mut stream: TcpStream, answer: String, piece_bytes: usize) {
    stream.set_nodelay(true).unwrap();
    let mut request = Vec::new();
    while stream
        .read_buf(&mut request)
        .await
        .is_ok_and(|bytes| bytes > 0)
    {
        // A ballot ends with the only brace that closes.
        if !request.ends_with(b"}") {
            continue;
        }
        request.clear();
        for piece in answer.as_bytes().chunks(piece_bytes) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn flooded(answer: &str, piece_bytes: usize) -> (Report, u64) {
    let (url, connections) = serve(answer.to_owned(), piece_bytes).await;
    let report = run(&plan(&[&url], 2_000.0, VOTES)).await;
    (report, connections.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_in_pieces_are_read_whole_and_keep_their_connection() {
    let size = ACCEPTED.len();
    let (begin, end) = ACCEPTED.split_at(10);
    let (first, second) = (begin.len(), end.len());
    for answer in [
        format!("HTTP/1.1 202 Accepted\r\ncontent-length: {size}\r\n\r\n{ACCEPTED}"),
        format!(
            "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n\
             {first:x}\r\n{begin}\r\n{second:x}\r\n{end}\r\n0\r\n\r\n"
        ),
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\
             Connection: keep-alive\r\nContent-Length: {size}\r\n\r\n{ACCEPTED}"
        ),
    ] {
        for piece_bytes in [1, 7, answer.len()] {
            let (report, connections) = flooded(&answer, piece_bytes).await;
            assert_eq!(report.accepted, VOTES, "{answer:?}: {report:?}");
            assert_eq!(connections, 8, "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_was_asked_for_ends_the_connection_and_is_no_answer() {
    let size = ACCEPTED.len();
    let answer = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {size}\r\n\r\n{ACCEPTED}");
    let (report, connections) = flooded(&answer.repeat(2), 2 * answer.len()).await;
    assert_eq!(report.accepted, VOTES, "{report:?}");
    assert!(connections >= VOTES, "{connections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_statuses_and_answers_that_are_none_are_told_apart() {
    let refused = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nlate";
    let (report, connections) = flooded(refused, 3).await;
    assert_eq!(report.rejected, BTreeMap::from([(429, VOTES)]));
    assert_eq!(connections, 8);
    let nonsense = "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let (report, _) = flooded(nonsense, 100).await;
    assert_eq!(
        report.errors,
        BTreeMap::from([(ErrorKind::Unreadable, VOTES)])
    );
}
