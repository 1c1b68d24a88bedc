//! Bodies that come in chunks (RFC 9112, 7.1).

use httparse::{InvalidChunkSize, Status, parse_chunk_size};

/// A body put together again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dechunked {
    pub(super) body: Vec<u8>,
    /// How many bytes it took, with its marks and trailers.
    pub(super) taken: usize,
}

/// Puts the body together that `received` begins with; none while its last chunk or the end of its
/// trailers has not come.
///
/// # Errors
/// [`InvalidChunkSize`] when it is not made of chunks.
pub(super) fn decode(received: &[u8]) -> Result<Option<Dechunked>, InvalidChunkSize> {
    let (mut body, mut taken) = (Vec::new(), 0);
    loop {
        let rest = &received[taken..];
        let Status::Complete((mark, size)) = parse_chunk_size(rest)? else {
            return Ok(None);
        };
        if size == 0 {
            let end = end_of_trailers(&rest[mark..]);
            return Ok(end.map(|end| Dechunked {
                body,
                taken: taken + mark + end,
            }));
        }
        let size = usize::try_from(size).map_err(|_| InvalidChunkSize)?;
        let end = mark.checked_add(size).ok_or(InvalidChunkSize)?;
        // The chunk with the end of line behind it.
        let Some(chunk) = rest.get(mark..end.saturating_add(2)) else {
            return Ok(None);
        };
        let chunk = chunk.strip_suffix(b"\r\n").ok_or(InvalidChunkSize)?;
        body.extend_from_slice(chunk);
        taken += end + 2;
    }
}

/// Where the empty line behind the trailers ends.
fn end_of_trailers(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = rest[at..].windows(2).position(|pair| pair == b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_cut_is_put_together_and_no_sooner_than_it_is_whole(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            trailer in any::<bool>()
        ) {
            let mut sent = Vec::new();
            for piece in &pieces {
                sent.extend(format!("{:X};name=value\r\n", piece.len()).into_bytes());
                sent.extend(piece);
                sent.extend(b"\r\n");
            }
            sent.extend(b"0\r\n");
            if trailer {
                sent.extend(b"digest: x\r\n");
            }
            sent.extend(b"\r\n");
            let whole = Dechunked { body: pieces.concat(), taken: sent.len() };
            for end in 0..sent.len() {
                prop_assert_eq!(decode(&sent[..end]), Ok(None));
            }
            prop_assert_eq!(decode(&sent), Ok(Some(whole)));
        }
    }

    #[test]
    fn what_is_not_made_of_chunks_is_refused() {
        for sent in ["x\r\n", "3\r\nabcd\r\n0\r\n\r\n", "ffffffffffffffffff\r\n"] {
            assert_eq!(decode(sent.as_bytes()), Err(InvalidChunkSize), "{sent:?}");
        }
        for sent in ["ffffffffffffffff\r\n", "fffffffffffffffe\r\n"] {
            assert_ne!(
                decode(sent.as_bytes())
                    .ok()
                    .flatten()
                    .map(|whole| whole.taken),
                Some(0)
            );
        }
    }
}
