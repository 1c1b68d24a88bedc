//! A proxy between a ledger and its server that holds back answers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Whether a request is the one: what the client sent on the same connection before it, and itself.
pub(crate) type Moment = fn(before: &[u8], now: &[u8]) -> bool;

/// More than any request of the tests, in bytes.
const ROOM: usize = 1 << 20;

#[derive(Clone, Copy)]
enum State {
    Passing,
    Waiting(Moment),
    Holding,
}

/// Passes everything on, until it is told to hold answers back.
pub(crate) struct Proxy {
    address: String,
    state: watch::Sender<State>,
    accepting: JoinHandle<io::Result<()>>,
}

impl Proxy {
    /// A proxy of the server at this address.
    pub(crate) async fn of(server: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = watch::Sender::new(State::Passing);
        let accepting = tokio::spawn(accept(listener, server, state.clone()));
        Ok(Self {
            address,
            state,
            accepting,
        })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Passes the next request on of which `moment` is true, and nothing that the server answers on that
    /// connection from then on.
    pub(crate) fn hold_from(&self, moment: Moment) {
        self.state.send_replace(State::Waiting(moment));
    }

    /// Waits until there was such a request.
    pub(crate) async fn holds(&self) {
        let mut state = self.state.subscribe();
        // The sender is this proxy's.
        let _ = state
            .wait_for(|state| matches!(state, State::Holding))
            .await;
    }

    /// Passes on what was held back.
    pub(crate) fn release(&self) {
        self.state.send_replace(State::Passing);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    state: watch::Sender<State>,
) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = TcpStream::connect(&server).await?.into_split();
        let is_held = Arc::new(AtomicBool::new(false));
        tokio::spawn(answer(
            from_server,
            to_client,
            is_held.clone(),
            state.subscribe(),
        ));
        tokio::spawn(ask(from_client, to_server, is_held, state.clone()));
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    is_held: Arc<AtomicBool>,
    state: watch::Sender<State>,
) -> io::Result<()> {
    let (mut before, mut now) = (Vec::new(), Vec::with_capacity(ROOM));
    while from.read_buf(&mut now).await? > 0 {
        state.send_if_modified(|state| {
            let is_now = matches!(state, State::Waiting(moment) if moment(&before, &now));
            if is_now {
                *state = State::Holding;
                is_held.store(true, Ordering::SeqCst);
            }
            is_now
        });
        to.write_all(&now).await?;
        std::mem::swap(&mut before, &mut now);
        now.clear();
    }
    to.shutdown().await
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    is_held: Arc<AtomicBool>,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut answer = Vec::with_capacity(ROOM);
    while from.read_buf(&mut answer).await? > 0 {
        if is_held.load(Ordering::SeqCst) {
            // Without a proxy nothing is held any longer.
            let _ = state
                .wait_for(|state| !matches!(state, State::Holding))
                .await;
        }
        to.write_all(&answer).await?;
        answer.clear();
    }
    to.shutdown().await
}
