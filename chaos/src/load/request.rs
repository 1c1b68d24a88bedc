//! Requests as bytes, prepared as far as they are all alike.

use url::{Position, Url};

use super::LoadError;
use super::plan::refuse_url;

/// `POST /vote` to one vote app: everything before the length of its body.
pub(super) struct Post {
    head: Vec<u8>,
}

impl Post {
    /// Votes for the app at `url`, below its path.
    pub(super) fn new(url: &Url) -> Result<Self, LoadError> {
        let mut head = head("POST", url, "/vote")?;
        head.extend_from_slice(b"content-type: application/json\r\ncontent-length: ");
        Ok(Self { head })
    }

    /// Writes the request whose body is `head`, `number` and `tail`, one after the other.
    pub(super) fn write(&self, head: &[u8], number: u64, tail: &[u8], request: &mut Vec<u8>) {
        let (mut number_digits, mut length_digits) = ([0; 20], [0; 20]);
        let number = digits(number, &mut number_digits);
        let length = (head.len() + number.len() + tail.len()) as u64;
        for part in [
            self.head.as_slice(),
            digits(length, &mut length_digits),
            b"\r\n\r\n",
            head,
            number,
            tail,
        ] {
            request.extend_from_slice(part);
        }
    }
}

/// `GET` of a page of one vote app.
pub(super) struct Get {
    bytes: Vec<u8>,
}

impl Get {
    /// The page at `path` below `url`.
    pub(super) fn new(url: &Url, path: &str) -> Result<Self, LoadError> {
        let mut bytes = head("GET", url, path)?;
        bytes.extend_from_slice(b"\r\n");
        Ok(Self { bytes })
    }

    /// Writes the request.
    pub(super) fn write(&self, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.bytes);
    }
}

/// The request line and the `Host` of a request to `path` below `url`.
fn head(method: &str, url: &Url, path: &str) -> Result<Vec<u8>, LoadError> {
    let below = url.path().trim_end_matches('/');
    let host = &url[Position::BeforeHost..Position::AfterPort];
    // A URL escapes what would end a line in a path; in a host nothing of the kind is allowed.
    if host.is_empty() {
        return Err(refuse_url(url, "it names no host"));
    }
    let head = format!("{method} {below}{path} HTTP/1.1\r\nhost: {host}\r\n");
    Ok(head.into_bytes())
}

/// The number in decimal digits, at the end of `room`, without the machinery of formatting.
fn digits(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        // Below ten, so that nothing is cut off.
        room[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_below_the_path_name_the_host_and_tell_their_length() {
        let url = Url::parse("http://[::1]:8080/poll/").unwrap();
        let mut request = Vec::new();
        Post::new(&url)
            .unwrap()
            .write(b"{\"a\":", 1_234_567_890, b"}", &mut request);
        assert_eq!(
            String::from_utf8(request).unwrap(),
            "POST /poll/vote HTTP/1.1\r\nhost: [::1]:8080\r\ncontent-type: application/json\r\n\
             content-length: 16\r\n\r\n{\"a\":1234567890}"
        );
        let mut request = Vec::new();
        Get::new(&url, "/results").unwrap().write(&mut request);
        assert_eq!(
            String::from_utf8(request).unwrap(),
            "GET /poll/results HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n"
        );
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            let told = digits(number, &mut [0; 20]).to_vec();
            assert_eq!(String::from_utf8(told).unwrap(), number.to_string());
        }
    }
}
