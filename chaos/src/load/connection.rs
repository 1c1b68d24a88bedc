//! One persistent HTTP/1 connection, driven by the task that uses it.

use std::future::pending;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use url::{Host, Url};

use super::answer::{Answer, parse};
use super::tally::ErrorKind;

/// Room for one reading; nearly every answer fits into it.
const READING_BYTES: usize = 4096;

/// A connection to one server, made again when it breaks.
pub(super) struct Connection {
    host: String,
    port: u16,
    timeout: Duration,
    /// Kept and put off for each request, which is cheaper than a new timer.
    deadline: Pin<Box<Sleep>>,
    stream: Option<TcpStream>,
    /// What has come of the answer; its room is used again for the next.
    received: Vec<u8>,
}

impl Connection {
    /// A connection to the server of `url`, not yet open. To be called in the runtime that drives
    /// it.
    pub(super) fn new(url: &Url, timeout: Duration) -> Self {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => IpAddr::from(address).to_string(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).to_string(),
            None => String::new(),
        };
        Self {
            host,
            port: url.port_or_known_default().unwrap_or(80),
            timeout,
            deadline: Box::pin(sleep(timeout)),
            stream: None,
            received: Vec::with_capacity(READING_BYTES),
        }
    }

    /// Opens the connection unless it is open.
    pub(super) async fn open(&mut self) -> Result<(), ErrorKind> {
        // The server may have closed it since the answer before.
        if self.stream.is_some() && self.closed().now_or_never().is_none() {
            return Ok(());
        }
        self.stream = None;
        self.put_off_deadline();
        let connected = tokio::select! {
            connected = connect(&self.host, self.port) => connected,
            () = self.deadline.as_mut() => None,
        };
        self.stream = Some(connected.ok_or(ErrorKind::Connect)?);
        Ok(())
    }

    /// Sends `request` over the open connection and has `judge` see the answer. After an error the
    /// connection is closed, for it may still carry the answer to this request.
    pub(super) async fn exchange<T>(
        &mut self,
        request: &[u8],
        judge: impl Fn(&Answer<'_>) -> T,
    ) -> Result<T, ErrorKind> {
        self.put_off_deadline();
        let stream = self.stream.as_mut().ok_or(ErrorKind::Connect)?;
        let exchanged = tokio::select! {
            biased;
            exchanged = exchange(stream, &mut self.received, request, judge) => exchanged,
            () = self.deadline.as_mut() => Err(ErrorKind::Timeout),
        };
        if !matches!(exchanged, Ok((_, false))) {
            self.stream = None;
        }
        exchanged.map(|(judged, _)| judged)
    }

    /// Waits until the server closes the idle connection; for ever if there is none.
    pub(super) async fn closed(&mut self) {
        let Some(stream) = self.stream.as_mut() else {
            return pending().await;
        };
        self.received.clear();
        // Whatever it is: no answer is awaited, so that the next would not be known for one.
        let _ = stream.read_buf(&mut self.received).await;
        self.stream = None;
    }

    fn put_off_deadline(&mut self) {
        self.deadline.as_mut().reset(Instant::now() + self.timeout);
    }
}

async fn connect(host: &str, port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((host, port)).await.ok()?;
    // Requests are small: waiting to fill a packet would only delay them.
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// What `judge` said of the answer, and whether it was the last on this connection.
async fn exchange<T>(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
    request: &[u8],
    judge: impl Fn(&Answer<'_>) -> T,
) -> Result<(T, bool), ErrorKind> {
    received.clear();
    let broken = |_| ErrorKind::Broken;
    stream.write_all(request).await.map_err(broken)?;
    loop {
        received.reserve(READING_BYTES);
        let ended = stream.read_buf(received).await.map_err(broken)? == 0;
        if let Some(answer) = parse(received, ended)? {
            return Ok((judge(&answer), answer.last));
        }
    }
}
