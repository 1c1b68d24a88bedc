use proptest::prelude::*;

use super::*;

fn whole(received: &str) -> Answer<'_> {
    parse(received.as_bytes(), false).unwrap().unwrap()
}

#[test]
fn lengths_chunks_and_the_end_of_the_connection_tell_the_end_of_a_body() {
    let lengthy = whole("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}");
    let chunked = whole(
        "HTTP/1.1 202 Accepted\r\ntransfer-encoding: gzip, Chunked\r\ncontent-length: 9\r\n\r\n\
         1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    );
    for answer in [lengthy, chunked] {
        assert_eq!((answer.status, &*answer.body), (202, &b"{}"[..]));
        assert!(!answer.last);
    }
    let until_end = b"HTTP/1.1 202 Accepted\r\n\r\n{}";
    assert_eq!(parse(until_end, false), Ok(None));
    let answer = parse(until_end, true).unwrap().unwrap();
    assert_eq!((&*answer.body, answer.last), (&b"{}"[..], true));
    let bodiless = whole("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!((bodiless.body.len(), bodiless.last), (0, false));
}

#[test]
fn the_last_answer_of_a_connection_is_known() {
    for (head, last) in [
        ("HTTP/1.1 200 OK\r\n", false),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n", true),
        ("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n", false),
        ("HTTP/1.0 200 OK\r\n", true),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n", false),
    ] {
        let received = format!("{head}content-length: 0\r\n\r\n");
        assert_eq!(whole(&received).last, last, "{head:?}");
    }
    let surplus = whole("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab");
    assert!(
        surplus.last,
        "what follows would be taken for the next answer"
    );
}

#[test]
fn an_interim_answer_is_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(parse(interim.as_bytes(), false), Ok(None));
    let answer = format!("{interim}HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(whole(&answer).status, 503);
}

#[test]
fn what_is_no_answer_or_too_long_is_unreadable_and_what_ends_too_early_is_broken() {
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(LONGEST_HEAD_BYTES));
    for received in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        &long_head,
    ] {
        let parsed = parse(received.as_bytes(), false);
        assert_eq!(parsed, Err(ErrorKind::Unreadable), "{received:.80}");
    }
    for received in [
        "",
        "HTTP/1.1 2",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\n{",
        "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n1\r\n",
    ] {
        assert_eq!(parse(received.as_bytes(), false), Ok(None), "{received:?}");
        let parsed = parse(received.as_bytes(), true);
        assert_eq!(parsed, Err(ErrorKind::Broken), "{received:?}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_without_a_panic(received in any::<Vec<u8>>(), ended in any::<bool>()) {
        let _ = parse(&received, ended);
        let _ = parse(&[b"HTTP/1.1 200 OK\r\n".as_slice(), &received].concat(), ended);
    }

    #[test]
    fn an_answer_in_pieces_is_whole_with_its_last_byte(body in "[a-z]{0,40}", chunked in any::<bool>()) {
        let sent = if chunked && !body.is_empty() {
            let size = body.len();
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n")
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        };
        for end in 0..sent.len() {
            prop_assert_eq!(parse(&sent.as_bytes()[..end], false), Ok(None));
        }
        let answer = parse(sent.as_bytes(), false).unwrap().unwrap();
        prop_assert_eq!((&*answer.body, answer.last), (body.as_bytes(), false));
    }
}
