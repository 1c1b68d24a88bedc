//! Closing a connection so that its client can read the last answer.
//!
//! What is closed before all that came on it was read is reset by the kernel, and a client that is reset may
//! lose the answer that it has not read yet (RFC 9112, section 9.6). So the side that writes is closed first,
//! and what still comes is read and dropped: a body of which nothing was asked, a head that was too long.

use std::future::poll_fn;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a client has to read the answer and to close its side.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of what still comes is read, in bytes. Who sends more has been told often enough.
const MAX_BYTES: usize = 1 << 20;

/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// A connection that is closed in this way.
pub(crate) struct Lingering {
    stream: TokioIo<TcpStream>,
    /// Once nothing more is written.
    rest: Option<Rest>,
}

/// What is still read.
struct Rest {
    bytes_left: usize,
    /// Armed only if the client has not closed its side yet.
    end: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream: TokioIo::new(stream),
            rest: None,
        }
    }

    /// Closes the connection, within 1 s.
    pub(crate) async fn close(mut self) -> Result<()> {
        poll_fn(|context| Pin::new(&mut self).poll_shutdown(context)).await
    }
}

impl Rest {
    fn poll(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; PIECE_BYTES];
        while self.bytes_left > 0 {
            let mut piece = ReadBuf::new(&mut piece);
            match Pin::new(&mut *stream).poll_read(context, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    self.bytes_left = self.bytes_left.saturating_sub(piece.filled().len());
                }
                // The client has closed its side, or is gone.
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let end = self.end.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                    return end.as_mut().poll(context);
                }
            }
        }
        Poll::Ready(())
    }
}

impl Read for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl Write for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Self { stream, rest } = &mut *self;
        if rest.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
        }
        let rest = rest.get_or_insert(Rest {
            bytes_left: MAX_BYTES,
            end: None,
        });
        rest.poll(stream.inner_mut(), context).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}
