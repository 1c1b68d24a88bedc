//! What the proxy does to connections.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use voteops_campaign::proxy::{Direction, Proxy, Weather};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A proxy, and both ends of a connection through it.
async fn connected() -> Result<(Proxy, TcpStream, TcpStream), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = Proxy::start(listener.local_addr()?).await?;
    let mut client = TcpStream::connect(proxy.address()).await?;
    let (mut server, _) = listener.accept().await?;
    client.write_all(b"a").await?;
    assert_eq!(server.read_u8().await?, b'a');
    server.write_all(b"b").await?;
    assert_eq!(client.read_u8().await?, b'b');
    Ok((proxy, client, server))
}

async fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

#[tokio::test]
async fn a_cut_ends_both_sides_and_refuses_others() -> TestResult {
    let (proxy, mut client, mut server) = connected().await?;
    proxy.set(Weather::Cut);
    assert_eq!(rest_of(&mut client).await, b"");
    assert_eq!(rest_of(&mut server).await, b"");
    let mut other = TcpStream::connect(proxy.address()).await?;
    assert_eq!(rest_of(&mut other).await, b"");
    Ok(())
}

#[tokio::test]
async fn a_truncated_direction_carries_so_many_bytes_and_no_more() -> TestResult {
    for direction in [Direction::Commands, Direction::Replies] {
        let (proxy, client, server) = connected().await?;
        proxy.set(Weather::Truncated(direction, 7));
        let (mut from, mut to) = match direction {
            Direction::Commands => (client, server),
            Direction::Replies => (server, client),
        };
        let written = from.write_all(b"0123456789").await;
        assert!(written.is_ok());
        let arrived = rest_of(&mut to).await;
        // A reset may overtake what came before it.
        assert!(b"0123456".starts_with(&arrived), "{arrived:?}");
        assert_eq!(rest_of(&mut from).await, b"");
    }
    Ok(())
}

#[tokio::test]
async fn a_half_closed_connection_carries_on_the_other_way() -> TestResult {
    let (proxy, mut client, mut server) = connected().await?;
    proxy.set(Weather::HalfClosed(Direction::Commands));
    assert_eq!(rest_of(&mut server).await, b"");
    server.write_all(b"still").await?;
    let mut arrived = [0; 5];
    client.read_exact(&mut arrived).await?;
    assert_eq!(&arrived, b"still");
    Ok(())
}

#[tokio::test]
async fn bad_weather_is_for_connections_to_come_as_well() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = Proxy::start(listener.local_addr()?).await?;
    proxy.set(Weather::HalfClosed(Direction::Commands));
    let mut client = TcpStream::connect(proxy.address()).await?;
    let (mut server, _) = listener.accept().await?;
    client.write_all(b"never").await?;
    assert_eq!(rest_of(&mut server).await, b"");
    server.write_all(b"still").await?;
    let mut arrived = [0; 5];
    client.read_exact(&mut arrived).await?;
    assert_eq!(&arrived, b"still");
    proxy.set(Weather::Truncated(Direction::Commands, 3));
    let mut client = TcpStream::connect(proxy.address()).await?;
    let (mut server, _) = listener.accept().await?;
    client.write_all(b"012345").await?;
    let arrived = rest_of(&mut server).await;
    assert!(b"012".starts_with(&arrived), "{arrived:?}");
    Ok(())
}

#[tokio::test]
async fn what_falls_in_a_hole_comes_out_when_it_is_closed_and_delays_delay() -> TestResult {
    let (proxy, mut client, mut server) = connected().await?;
    proxy.set(Weather::Hole);
    client.write_all(b"c").await?;
    let nothing = tokio::time::timeout(Duration::from_millis(100), server.read_u8()).await;
    assert!(nothing.is_err());
    proxy.set(Weather::Clear);
    assert_eq!(server.read_u8().await?, b'c');
    let delay = Duration::from_millis(150);
    proxy.set(Weather::Delay(delay));
    let sent = Instant::now();
    client.write_all(b"d").await?;
    assert_eq!(server.read_u8().await?, b'd');
    assert!(sent.elapsed() >= delay);
    Ok(())
}
