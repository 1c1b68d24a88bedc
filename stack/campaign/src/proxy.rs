//! A TCP proxy that treats the connections through it as badly as a network can.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The most bytes carried at once. Small, so that a cut may fall inside a command.
const CHUNK_BYTES: usize = 4096;

/// Which of a connection's two directions is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server: commands.
    Commands,
    /// From the server to the client: replies.
    Replies,
}

/// What is done to every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Bytes pass.
    Clear,
    /// Connections are reset, and new ones are closed as soon as they are opened.
    Cut,
    /// Bytes arrive this much later.
    Delay(Duration),
    /// Nothing arrives for now; what was sent comes when the weather changes.
    Hole,
    /// One direction says goodbye and carries nothing more, while the other goes on.
    HalfClosed(Direction),
    /// So many more bytes pass in one direction; then the connection is reset.
    Truncated(Direction, usize),
}

/// A proxy in front of one server, which it closes with when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and carries to `server`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, _) = watch::channel(Weather::Clear);
        let accepting = tokio::spawn(accept(listener, server, weather.clone()));
        Ok(Self {
            address,
            weather,
            accepting,
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather, for the connections that there are and those to come.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.weather.send_replace(Weather::Cut);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, weather: watch::Sender<Weather>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if *weather.borrow() != Weather::Cut {
            tokio::spawn(carry(client, server, weather.subscribe()));
        }
    }
}

/// Carries one connection until it ends. Only Linux's own buffers and one chunk lie in between.
async fn carry(client: TcpStream, server: SocketAddr, weather: watch::Receiver<Weather>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    // To a port of this machine that nobody listens on, a connection can be made from that very port,
    // and then talks to itself and keeps the server from coming back.
    if server.local_addr().ok() == server.peer_addr().ok() {
        return;
    }
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (hung_up, _) = watch::channel(false);
    let hung_up = Arc::new(hung_up);
    let commands = Pump {
        direction: Direction::Commands,
        weather: weather.clone(),
        hung_up: hung_up.clone(),
    };
    let replies = Pump {
        direction: Direction::Replies,
        weather,
        hung_up,
    };
    tokio::join!(
        commands.run(from_client, to_server),
        replies.run(from_server, to_client)
    );
}

/// One direction of a connection.
struct Pump {
    direction: Direction,
    weather: watch::Receiver<Weather>,
    hung_up: Arc<watch::Sender<bool>>,
}

/// How a direction came to its end.
enum End {
    /// It said goodbye; the other may go on.
    Closed,
    /// The whole connection is over.
    Reset,
}

impl Pump {
    async fn run(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut other = self.hung_up.subscribe();
        let end = tokio::select! {
            end = self.pump(&mut from, &mut to) => end,
            _ = other.wait_for(|hung_up| *hung_up) => End::Reset,
        };
        match end {
            End::Closed => {
                let _ = to.shutdown().await;
            }
            End::Reset => {
                // Closing then sends a reset, not a goodbye.
                let _ = from.as_ref().set_zero_linger();
                let _ = to.as_ref().set_zero_linger();
                to.forget();
                self.hung_up.send_replace(true);
            }
        }
    }

    async fn pump(&mut self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> End {
        let mut buffer = vec![0; CHUNK_BYTES];
        // A connection may begin in any weather.
        self.weather.mark_changed();
        let mut budget = usize::MAX;
        loop {
            let read = tokio::select! {
                biased;
                changed = self.weather.changed() => {
                    let weather = *self.weather.borrow_and_update();
                    match weather {
                        _ if changed.is_err() => return End::Reset,
                        Weather::Cut => return End::Reset,
                        Weather::HalfClosed(direction) if direction == self.direction => {
                            return End::Closed;
                        }
                        _ => {
                            budget = self.budget();
                            continue;
                        }
                    }
                }
                read = from.read(&mut buffer) => read,
            };
            let read = match read {
                Ok(0) => return End::Closed,
                Ok(read) => read,
                Err(_) => return End::Reset,
            };
            self.wait().await;
            let allowed = read.min(budget);
            budget -= allowed;
            if to.write_all(&buffer[..allowed]).await.is_err() || allowed < read {
                return End::Reset;
            }
        }
    }

    /// How many bytes may still pass.
    fn budget(&self) -> usize {
        match *self.weather.borrow() {
            Weather::Truncated(direction, bytes) if direction == self.direction => bytes,
            _ => usize::MAX,
        }
    }

    async fn wait(&mut self) {
        let weather = *self.weather.borrow();
        match weather {
            Weather::Delay(delay) => tokio::time::sleep(delay).await,
            Weather::Hole => {
                let mut weather = self.weather.clone();
                let _ = weather.wait_for(|now| *now != Weather::Hole).await;
            }
            _ => (),
        }
    }
}
