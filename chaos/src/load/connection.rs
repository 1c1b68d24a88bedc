//! One persistent HTTP/1 connection, driven by the task that uses it.

use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::CONNECTION;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use url::{Host, Url};

use super::tally::ErrorKind;

/// A request with everything in memory.
pub(super) type Call = Request<Full<Bytes>>;

/// The longest answer that is read; a vote app's are much shorter.
const LONGEST_BODY_BYTES: usize = 1 << 20;

/// An answer with everything in memory.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// Whether the server will close the connection.
    pub(super) last: bool,
}

/// A connection to one server, made again when it breaks.
pub(super) struct Connection {
    host: String,
    port: u16,
    timeout: Duration,
    /// Kept and put off for each request, which is cheaper than a new timer.
    deadline: Pin<Box<Sleep>>,
    live: Option<Live>,
}

/// A connection that is open. It makes progress only while it is polled.
struct Live {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    /// Whether the driver is through, or the server has said that it will close the connection.
    ended: bool,
}

impl Connection {
    /// A connection to the server of `url`, not yet open.
    pub(super) fn new(url: &Url, timeout: Duration) -> Self {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => IpAddr::from(address).to_string(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).to_string(),
            None => String::new(),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        Self {
            host,
            port,
            timeout,
            deadline: Box::pin(sleep(timeout)),
            live: None,
        }
    }

    /// Opens the connection unless it is open.
    pub(super) async fn open(&mut self) -> Result<(), ErrorKind> {
        if let Some(live) = self.live.as_mut()
            // The server may have closed it since the answer before.
            && live.driver.as_mut().now_or_never().is_none()
        {
            return Ok(());
        }
        self.live = None;
        self.put_off_deadline();
        let connected = tokio::select! {
            connected = connect(&self.host, self.port) => connected,
            () = self.deadline.as_mut() => None,
        };
        self.live = Some(connected.ok_or(ErrorKind::Connect)?);
        Ok(())
    }

    /// Sends `call` over the open connection and reads the answer. After an error the connection is
    /// closed, for it may still carry the answer to this call.
    pub(super) async fn exchange(&mut self, call: Call) -> Result<Answer, ErrorKind> {
        self.put_off_deadline();
        let live = self.live.as_mut().ok_or(ErrorKind::Connect)?;
        let answered = live.exchange(call, self.deadline.as_mut()).await;
        if answered.is_err() || self.live.as_ref().is_some_and(|live| live.ended) {
            self.live = None;
        }
        answered
    }

    /// Waits until the server closes the idle connection; for ever if there is none.
    pub(super) async fn closed(&mut self) {
        let Some(live) = self.live.as_mut() else {
            return pending().await;
        };
        let _ = live.driver.as_mut().await;
        self.live = None;
    }

    fn put_off_deadline(&mut self) {
        self.deadline.as_mut().reset(Instant::now() + self.timeout);
    }
}

impl Live {
    async fn exchange(
        &mut self,
        call: Call,
        mut deadline: Pin<&mut Sleep>,
    ) -> Result<Answer, ErrorKind> {
        let Self {
            sender,
            driver,
            ended,
        } = self;
        let mut answer = pin!(answer(sender, call));
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(answered);
            }
            *ended = driver.as_mut().poll(cx).is_ready();
            // What the driver has just brought counts, also when it was the last thing it did.
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(answered);
            }
            if *ended {
                return Poll::Ready(Err(ErrorKind::Broken));
            }
            deadline.as_mut().poll(cx).map(|()| Err(ErrorKind::Timeout))
        })
        .await?;
        *ended |= answered.last;
        Ok(answered)
    }
}

async fn connect(host: &str, port: u16) -> Option<Live> {
    let stream = TcpStream::connect((host, port)).await.ok()?;
    // Requests are small: waiting to fill a packet would only delay them.
    stream.set_nodelay(true).ok()?;
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    Some(Live {
        sender,
        driver: Box::pin(driver),
        ended: false,
    })
}

async fn answer(sender: &mut SendRequest<Full<Bytes>>, call: Call) -> Result<Answer, ErrorKind> {
    let sent = async {
        sender.ready().await?;
        sender.send_request(call).await
    };
    let response = sent.await.map_err(|error| kind(&error))?;
    let status = response.status();
    let last = response
        .headers()
        .get(CONNECTION)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    Ok(Answer {
        status,
        last,
        body: read_body(response).await?,
    })
}

async fn read_body(response: Response<Incoming>) -> Result<Bytes, ErrorKind> {
    let mut incoming = response.into_body();
    let mut body = Bytes::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|error| kind(&error))?.into_data() else {
            continue;
        };
        if body.len() + data.len() > LONGEST_BODY_BYTES {
            return Err(ErrorKind::Unreadable);
        }
        // Nearly every answer comes in one piece, which is not copied.
        body = if body.is_empty() {
            data
        } else {
            [body, data].concat().into()
        };
    }
    Ok(body)
}

fn kind(error: &hyper::Error) -> ErrorKind {
    if error.is_parse() {
        ErrorKind::Unreadable
    } else {
        ErrorKind::Broken
    }
}
