//! The tail against a server that replays recorded frames, breaks, leaves out and floods.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::SinkExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::accept_async;

use super::*;
use crate::logs::{Feed, Live, LogSource, Way};

const PATIENCE: Duration = Duration::from_millis(50);

/// What a connection of the tail does.
#[derive(Debug, Clone)]
enum Step {
    /// Writes the stored lines of these numbers in a frame.
    Send(std::ops::Range<usize>),
    /// The same, and says that others were left out.
    Dropping(std::ops::Range<usize>),
    /// Sends a text as it is.
    Raw(String),
    /// Closes with a reason.
    Close(&'static str),
    /// Breaks the connection.
    Break,
    /// Answers with this status instead of a tail.
    Refuse(u16, &'static str),
}

/// A Loki of `count` lines, which its queries give whole; each connection of its tail does what
/// the next script says, and the last script stays open.
struct Server {
    loki: Loki,
    asked: Arc<Mutex<Vec<String>>>,
    count: Arc<AtomicUsize>,
}

/// The line of a number: so many a millisecond that times repeat.
fn entry(number: usize, begin_ns: i64) -> (String, String) {
    let at_ns = begin_ns + i64::try_from(number / 3).unwrap() * 1_000_000;
    (at_ns.to_string(), format!("line {number}"))
}

async fn serve(count: usize, begin_ns: i64, scripts: Vec<Vec<Step>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (scripts, seen) = (Arc::new(Mutex::new(scripts)), Arc::clone(&asked));
    let count = Arc::new(AtomicUsize::new(count));
    let stored = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (scripts, seen) = (Arc::clone(&scripts), Arc::clone(&seen));
            let stored = Arc::clone(&stored);
            tokio::spawn(async move { talk(stream, &stored, begin_ns, &scripts, &seen).await });
        }
    });
    let loki = Loki::new(&url.parse().unwrap()).unwrap();
    Server { loki, asked, count }
}

async fn talk(
    mut stream: TcpStream,
    count: &AtomicUsize,
    begin_ns: i64,
    scripts: &Mutex<Vec<Vec<Step>>>,
    seen: &Mutex<Vec<String>>,
) {
    let mut head = [0; 256];
    let Ok(length) = stream.peek(&mut head).await else {
        return;
    };
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let is_tail = head.contains("/tail?");
    seen.lock()
        .unwrap()
        .push(if is_tail { "tail" } else { "query" }.into());
    if !is_tail {
        answer_queries(stream, count, begin_ns).await;
        return;
    }
    let script = {
        let mut scripts = scripts.lock().unwrap();
        if scripts.is_empty() {
            Vec::new()
        } else {
            scripts.remove(0)
        }
    };
    if let Some(Step::Refuse(status, text)) = script.first() {
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        let _ = stream.read(&mut [0; 2048]).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let mut socket = accept_async(stream).await.unwrap();
    for step in script {
        let frame = |numbers: std::ops::Range<usize>, dropped: Value| {
            let values: Vec<_> = numbers.map(|number| entry(number, begin_ns)).collect();
            json!({"streams": [{"stream": {"service": "worker"}, "values": values}], "dropped_entries": dropped})
        };
        let text = match step {
            Step::Send(numbers) => frame(numbers, Value::Null).to_string(),
            Step::Dropping(numbers) => {
                let (at_ns, _) = entry(numbers.start, begin_ns);
                frame(numbers, json!([{"timestamp": at_ns, "labels": "{}"}])).to_string()
            }
            Step::Raw(text) => text,
            Step::Close(reason) => {
                let close = tokio_tungstenite::tungstenite::protocol::CloseFrame {
                    code: 1011.into(),
                    reason: reason.into(),
                };
                let _ = socket.close(Some(close)).await;
                return;
            }
            Step::Break | Step::Refuse(..) => return,
        };
        if socket.send(Message::text(text)).await.is_err() {
            return;
        }
    }
    // Open until the client leaves; pings are answered meanwhile.
    while let Some(Ok(_)) = socket.next().await {}
}

/// Answers range queries, one after the other, with all lines of their time up to their limit.
async fn answer_queries(mut stream: TcpStream, count: &AtomicUsize, begin_ns: i64) {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 2048];
        match stream.read(&mut buffer).await {
            Ok(length @ 1..) => request.extend_from_slice(&buffer[..length]),
            _ => return,
        }
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        request.drain(..end + 4);
        let path = head.split(' ').nth(1).unwrap();
        let url = url::Url::parse(&format!("http://x{path}")).unwrap();
        let parameters: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        let number = |name: &str| parameters[name].parse::<i64>().unwrap();
        let time = number("start")..number("end");
        let values: Vec<_> = (0..count.load(Ordering::SeqCst))
            .map(|number| entry(number, begin_ns))
            .filter(|(at, _)| time.contains(&at.parse().unwrap()))
            .take(usize::try_from(number("limit")).unwrap())
            .collect();
        // Queries add labels that the tail leaves out.
        let stream_labels = json!({"service": "worker", "detected_level": "info"});
        let body = json!({"status": "success", "data": {"resultType": "streams",
            "result": [{"stream": stream_labels, "values": values}]}});
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn begin() -> i64 {
    // A minute ago: queries up to now hold every line.
    crate::logs::now_ns() - 60_000_000_000
}

fn live(server: &Server, begin_ns: i64) -> Live {
    let query = LogQuery::default();
    let source = LogSource::Loki(server.loki.clone());
    let feed = Feed::new(source, query.clone(), begin_ns);
    Live::new(server.loki.clone(), query, feed)
}

/// The lines until there are `count` of them, and the ways that they came by.
async fn read(live: &mut Live, count: usize) -> (Vec<String>, Vec<Way>) {
    let (mut lines, mut ways) = (Vec::new(), Vec::new());
    let read = async {
        while lines.len() < count {
            let news = live.next(PATIENCE).await.unwrap();
            lines.extend(news.lines.into_iter().map(|line| line.text));
            ways.push(news.way);
        }
        // Nothing is told twice.
        for _ in 0..3 {
            let more = live.next(PATIENCE).await.unwrap().lines;
            assert!(more.is_empty(), "{more:?}");
        }
    };
    tokio::time::timeout(Duration::from_mins(1), read)
        .await
        .unwrap();
    (lines, ways)
}

fn assert_all(mut lines: Vec<String>, count: usize) {
    let all = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!((all, lines.len()), (count, count));
}

#[tokio::test]
async fn recorded_frames_are_read() {
    let file = format!(
        "{}/tests/recordings/loki/tail_ws.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let all: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let frames = all["frames"].as_array().unwrap();
    let script = frames
        .iter()
        .map(|frame| Step::Raw(frame.to_string()))
        .collect();
    let server = serve(0, 0, vec![script]).await;
    let mut live = live(&server, 1_795_340_600_000_000_000);
    let mut lines = Vec::new();
    while lines.len() < 46 {
        lines.extend(live.next(PATIENCE).await.unwrap().lines);
    }
    assert!(
        lines
            .iter()
            .any(|line| line.message() == "experiment started")
    );
    assert!(lines.iter().any(|line| line.instance() == Some("worker-1")));
}

#[tokio::test]
async fn duplicates_are_told_once_and_broken_connections_lose_nothing() {
    let begin_ns = begin();
    let scripts = vec![
        vec![Step::Send(0..40), Step::Send(30..50), Step::Break],
        vec![Step::Send(45..60), Step::Send(45..60)],
    ];
    let server = serve(90, begin_ns, scripts).await;
    let mut live = live(&server, begin_ns);
    let (lines, ways) = read(&mut live, 90).await;
    assert_all(lines, 90);
    assert!(ways.contains(&Way::Tail), "{ways:?}");
}

#[tokio::test]
async fn lines_that_loki_leaves_out_are_asked_for() {
    let begin_ns = begin();
    let server = serve(
        70,
        begin_ns,
        vec![vec![Step::Send(0..10), Step::Dropping(60..70)]],
    )
    .await;
    let mut live = live(&server, begin_ns);
    let (lines, _) = read(&mut live, 70).await;
    assert_all(lines, 70);
}

#[tokio::test]
async fn lines_that_a_tail_leaves_out_without_telling_are_asked_for() {
    let begin_ns = begin();
    let server = serve(10, begin_ns, vec![Vec::new()]).await;
    let mut live = live(&server, begin_ns).reconciling_every(PATIENCE);
    let mut lines = Vec::new();
    while lines.len() < 10 {
        lines.extend(live.next(PATIENCE).await.unwrap().lines);
    }
    server.count.store(12, Ordering::SeqCst);
    let rest = async {
        while lines.len() < 12 {
            let news = live.next(PATIENCE).await.unwrap();
            assert_eq!(news.way, Way::Tail);
            lines.extend(news.lines);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), rest)
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_tail_lines_are_asked_for_and_the_reason_is_told() {
    let begin_ns = begin();
    let cases = [
        (Step::Refuse(404, "not found"), "HTTP 404"),
        (Step::Refuse(501, "no"), "HTTP 501"),
        (Step::Refuse(400, "parse error at line 1"), "HTTP 400"),
    ];
    for (step, why) in cases {
        let server = serve(30, begin_ns, vec![vec![step]]).await;
        let mut live = live(&server, begin_ns);
        let (lines, ways) = read(&mut live, 30).await;
        assert_all(lines, 30);
        assert_eq!(ways, [Way::Polling(why.into())]);
    }
}

#[tokio::test]
async fn frames_that_are_none_and_reasons_to_close_are_told() {
    for (step, kind, told) in [
        (Step::Raw("<html>".into()), "not its API", "<html>"),
        (
            Step::Raw("{\"streams\": [{\"values\": [[\"soon\", \"x\"]]}]}".into()),
            "not its API",
            "no time",
        ),
        (
            Step::Close("only log selector is supported"),
            "closed 1011",
            "only log selector is supported",
        ),
        (Step::Break, "unreachable", "tail"),
    ] {
        let server = serve(0, 0, vec![vec![step]]).await;
        let mut tail = server.loki.tail(&LogQuery::default(), 0).await.unwrap();
        let error = loop {
            match tail.next().await {
                Ok(batch) => assert!(batch.lines.is_empty()),
                Err(error) => break error,
            }
        };
        assert_eq!(error.short(), kind);
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_flood_is_told_line_by_line() {
    const COUNT: usize = 100_000;
    let begin_ns = begin();
    let script = (0..COUNT / 500).map(|n| Step::Send(n * 500..(n + 1) * 500));
    let server = serve(0, begin_ns, vec![script.collect()]).await;
    let mut live = live(&server, begin_ns);
    let (lines, ways) = read(&mut live, COUNT).await;
    assert_all(lines, COUNT);
    assert!(ways.iter().all(|way| *way == Way::Tail));
    let asked = server.asked.lock().unwrap().len();
    assert!(asked < 10, "it is not asked again for each frame: {asked}");
}

#[tokio::test]
async fn a_reader_that_is_cancelled_loses_nothing() {
    let begin_ns = begin();
    let script = (0..200).map(|n| Step::Send(n..n + 1)).collect();
    let server = serve(0, begin_ns, vec![script]).await;
    let mut tail = server
        .loki
        .tail(&LogQuery::default(), begin_ns)
        .await
        .unwrap();
    let mut lines = Vec::new();
    while lines.len() < 200 {
        // Most calls are given up while they gather.
        if let Ok(batch) = timeout(Duration::from_millis(7), tail.next()).await {
            lines.extend(batch.unwrap().lines);
        } else if let Ok(batch) = timeout(Duration::from_secs(1), tail.next()).await {
            lines.extend(batch.unwrap().lines);
        }
    }
    assert_eq!(lines.len(), 200);
}

#[tokio::test]
async fn a_tail_that_falls_mute_is_over_however_briefly_it_is_asked() {
    let begin_ns = begin();
    let server = serve(0, begin_ns, vec![vec![Step::Send(0..1)]]).await;
    let mut tail = server
        .loki
        .tail(&LogQuery::default(), begin_ns)
        .await
        .unwrap();
    tail.silence = Duration::from_millis(300);
    let mute = async {
        loop {
            if let Ok(Err(error)) = timeout(Duration::from_millis(100), tail.next()).await {
                return error;
            }
        }
    };
    let error = timeout(Duration::from_secs(20), mute).await.unwrap();
    assert_eq!(error.short(), "timeout");
}

#[tokio::test]
async fn when_many_lines_were_told_those_that_a_mute_tail_leaves_out_are_asked_for() {
    const COUNT: usize = 3000;
    let begin_ns = begin();
    let server = serve(COUNT, begin_ns, vec![vec![Step::Send(0..COUNT)]]).await;
    let mut live = live(&server, begin_ns).reconciling_every(PATIENCE);
    let (lines, _) = read(&mut live, COUNT).await;
    assert_all(lines, COUNT);
    server.count.store(COUNT + 2, Ordering::SeqCst);
    let rest = async {
        let mut lines = Vec::new();
        while lines.len() < 2 {
            lines.extend(live.next(PATIENCE).await.unwrap().lines);
        }
        lines
    };
    let rest = timeout(Duration::from_secs(20), rest).await.unwrap();
    assert_eq!(rest.last().unwrap().text, format!("line {}", COUNT + 1));
}
