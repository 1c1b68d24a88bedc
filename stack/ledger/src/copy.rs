//! Rows as PostgreSQL's `COPY … FROM STDIN (FORMAT binary)` takes them:
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use crate::ledger::Row;

/// The statement that takes what [`encode`] makes.
pub(crate) const COPY: &str = "
    COPY votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms) FROM STDIN (FORMAT binary)";

/// The signature, no flags, and no extension of the header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Where a tuple would tell how many fields it has.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const FIELDS: i16 = 6;
/// More than most rows take, in bytes.
const ROOM: usize = 160;

pub(crate) fn encode(rows: &[&Row<'_>], now_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER.len() + rows.len() * ROOM + TRAILER.len());
    out.extend(HEADER);
    for row in rows {
        out.extend(FIELDS.to_be_bytes());
        for text in [row.voter, &row.vote_id, row.choice] {
            field(&mut out, text.as_bytes());
        }
        for number in [row.cast_at_ms, row.position, now_ms] {
            field(&mut out, &number.to_be_bytes());
        }
    }
    out.extend(TRAILER);
    out
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // A field of a vote is far from 2 GiB; a length that is cut off would be refused.
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_fields_with_their_lengths() {
        let row = Row {
            voter: "ann",
            vote_id: "0".into(),
            choice: "é",
            cast_at_ms: 1,
            position: 7,
        };
        let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend(b"\0\x06\0\0\0\x03ann\0\0\0\x010\0\0\0\x02\xc3\xa9");
        for number in [1_i64, 7, 2] {
            expected.extend(b"\0\0\0\x08");
            expected.extend(number.to_be_bytes());
        }
        expected.extend(b"\xff\xff");
        assert_eq!(encode(&[&row], 2), expected);
    }
}
