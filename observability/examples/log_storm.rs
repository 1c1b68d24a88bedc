//! A stand-in for a Loki whose services write very much: `log_storm PORT LINES_PER_S SECONDS`.
//!
//! It answers range queries and the live tail with numbered lines, and prints how many there were
//! at the end, so that whoever follows it can be held to that number. With `0` as a fourth argument
//! it knows no tail.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::SinkExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use url::Url;

/// Time between two frames of the tail.
const FRAME: Duration = Duration::from_millis(25);
/// Lines of a frame at most.
const FRAME_LINES: u64 = 1000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The lines: number `n` is written `n / rate_per_s` seconds after the beginning.
#[derive(Debug, Clone, Copy)]
struct Storm {
    begin_ns: u64,
    rate_per_s: u64,
    count: u64,
    /// Whether there is a live tail.
    tails: bool,
}

impl Storm {
    fn at_ns(self, number: u64) -> u64 {
        self.begin_ns + number * 1_000_000_000 / self.rate_per_s
    }

    /// How many lines were written before a time.
    fn before(self, at_ns: u64) -> u64 {
        let written = at_ns.saturating_sub(self.begin_ns);
        let number = u128::from(written) * u128::from(self.rate_per_s);
        u64::try_from(number.div_ceil(1_000_000_000)).map_or(self.count, |n| n.min(self.count))
    }

    /// An answer's streams: the lines of these numbers.
    fn streams(self, numbers: impl Iterator<Item = u64>) -> serde_json::Value {
        let values: Vec<_> = numbers
            .map(|number| {
                let text = format!(
                    r#"{{"level":"INFO","message":"batch committed","batch":{number},"votes":64}}"#
                );
                json!([self.at_ns(number).to_string(), text])
            })
            .collect();
        let labels = json!({"service": "worker", "instance": "worker-1", "level": "info"});
        json!([{"stream": labels, "values": values}])
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let (port, rate_per_s, seconds, tails) = match arguments[..] {
        [port, rate_per_s, seconds] => (port, rate_per_s, seconds, true),
        [port, rate_per_s, seconds, 0] => (port, rate_per_s, seconds, false),
        _ => return Err("write: log_storm PORT LINES_PER_S SECONDS [0]".into()),
    };
    let listener = TcpListener::bind(("127.0.0.1", u16::try_from(port)?)).await?;
    // Whoever follows it has some time to connect.
    let begin = SystemTime::now().duration_since(UNIX_EPOCH)? + Duration::from_secs(2);
    let storm = Storm {
        begin_ns: u64::try_from(begin.as_nanos())?,
        rate_per_s,
        count: rate_per_s * seconds,
        tails,
    };
    let served = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Whoever leaves in the middle is not missed.
                let _ = talk(stream, storm).await;
            });
        }
    };
    let over = Duration::from_secs(seconds + 12);
    let _ = tokio::time::timeout(over, served).await;
    println!("{}", storm.count);
    Ok(())
}

async fn talk(stream: TcpStream, storm: Storm) -> Result<(), Failure> {
    let mut head = [0; 64];
    let length = stream.peek(&mut head).await?;
    if String::from_utf8_lossy(&head[..length]).contains("/tail?") {
        if storm.tails {
            tail(stream, storm).await
        } else {
            refuse(stream).await
        }
    } else {
        answer(stream, storm).await
    }
}

async fn refuse(mut stream: TcpStream) -> Result<(), Failure> {
    let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let mut request = [0; 2048];
    let _ = stream.read(&mut request).await?;
    stream.write_all(answer.as_bytes()).await?;
    Ok(())
}

fn now_ns() -> Result<u64, Failure> {
    Ok(u64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(),
    )?)
}

/// Sends the lines from now on, as they are written.
async fn tail(stream: TcpStream, storm: Storm) -> Result<(), Failure> {
    let mut socket = accept_async(stream).await?;
    let mut next = storm.before(now_ns()?);
    let mut ticks = tokio::time::interval(FRAME);
    loop {
        ticks.tick().await;
        let written = storm.before(now_ns()?);
        while next < written {
            let end = written.min(next + FRAME_LINES);
            let frame = json!({"streams": storm.streams(next..end)});
            socket.send(Message::text(frame.to_string())).await?;
            next = end;
        }
    }
}

/// Answers one question: range queries, and which labels there are. The connection is closed after
/// it, so that a tail always comes by one of its own.
async fn answer(mut stream: TcpStream, storm: Storm) -> Result<(), Failure> {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..length]);
        let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let url = Url::parse(&format!("http://storm{path}"))?;
        let data = if url.path().ends_with("/labels") {
            json!(["instance", "level", "service"])
        } else {
            range(&url, storm)?
        };
        let body = json!({"status": "success", "data": data}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        return Ok(());
    }
}

/// The lines that a range query asks for.
fn range(url: &Url, storm: Storm) -> Result<serde_json::Value, Failure> {
    let parameters: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let number = |name: &str, usual: u64| {
        let given = parameters.get(name).and_then(|value| value.parse().ok());
        given.unwrap_or(usual)
    };
    let limit = usize::try_from(number("limit", 100))?;
    let from = storm.before(number("start", 0));
    let to = storm
        .before(number("end", u64::MAX).min(now_ns()?))
        .max(from);
    let forward = parameters.get("direction").is_some_and(|d| d == "forward");
    let streams = if forward {
        storm.streams((from..to).take(limit))
    } else {
        storm.streams((from..to).rev().take(limit))
    };
    Ok(json!({"resultType": "streams", "result": streams}))
}
