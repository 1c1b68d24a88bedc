//! Where voters find the vote app, when that is another address than it listens on.

use url::{Position, Url};

/// The address of the vote app as browsers see it: `https://HOST` or `http://HOST`, with a port or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
}

impl PublicUrl {
    /// Reads the address. `None` when it is none, or names more than an origin.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let has_more = !url.username().is_empty()
            || url.password().is_some()
            || !matches!(&url[Position::BeforePath..], "" | "/");
        if has_more || !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let origin = url.origin().ascii_serialization();
        Some(Self { origin })
    }

    /// Whether voters come by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// What browsers send as the `Origin` of the vote app's own pages (RFC 6454, section 6.2).
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_and_nothing_more() {
        for (text, origin) in [
            ("https://vote.example", "https://vote.example"),
            ("https://Vote.Example:443/", "https://vote.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!(url.origin(), origin);
            assert_eq!(url.is_https(), text.starts_with("https"), "{text}");
        }
        for bad in [
            "",
            "vote.example",
            "ftp://vote.example",
            "https://vote.example/ballot",
            "https://vote.example/?a",
            "https://vote.example/#a",
            "https://a:b@vote.example",
        ] {
            assert_eq!(PublicUrl::parse(bad), None, "{bad}");
        }
    }
}
