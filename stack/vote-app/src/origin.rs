//! Whether a vote was sent by the ballot itself, or by another site through the voter's browser.
//!
//! Every current browser tells with each POST where it comes from; what tells nothing is no browser,
//! and carries no voter's cookie that it was not given on purpose. So no token is needed, neither in
//! the form nor for JSON.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use crate::PublicUrl;
use crate::reply::{Reason, Refusal};

/// Says what the page that sends a request is to the server (W3C Fetch Metadata). Browsers send it
/// over HTTPS and to this machine itself.
const FETCH_SITE: &str = "sec-fetch-site";

/// Refuses what a browser sent for another site: by `Sec-Fetch-Site`, else because `Origin` is not where
/// browsers find the vote app: at `public`, or without it at the host that was asked.
///
/// # Errors
/// [`Reason::CrossOrigin`].
pub(crate) fn check(headers: &HeaderMap, public: Option<&PublicUrl>) -> Result<(), Refusal> {
    let is_site = |origin: &str| match public {
        Some(public) => origin == public.origin(),
        None => is_host(origin, headers),
    };
    let is_own = match (headers.get(FETCH_SITE), headers.get(header::ORIGIN)) {
        // "none": the voter did it, not a page.
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => origin.to_str().is_ok_and(is_site),
        (None, None) => true,
    };
    if is_own {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::CrossOrigin,
        "The browser says that another site sent this vote. Vote on the ballot, at /.",
    ))
}

/// The scheme is passed over: behind a proxy that speaks TLS it is not known here. An origin that is
/// hidden is `null`, which is no host.
fn is_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let (Some((scheme, origin)), Some(host)) = (origin.split_once("://"), host) else {
        return false;
    };
    let default_port = if scheme == "https" { 443 } else { 80 };
    let parts = |authority: &str| {
        let authority: Authority = authority.parse().ok()?;
        let port = authority.port_u16().unwrap_or(default_port);
        Some((authority.host().to_ascii_lowercase(), port))
    };
    matches!((parts(origin), parts(host)), (Some(origin), Some(host)) if origin == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(given: &[(&'static str, &'static str)]) -> bool {
        is_taken_at(None, given)
    }

    fn is_taken_at(public: Option<&str>, given: &[(&'static str, &'static str)]) -> bool {
        let public = public.map(|url| PublicUrl::parse(url).unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.insert(*name, value.parse().unwrap());
        }
        check(&headers, public.as_ref()).is_ok()
    }

    #[test]
    fn a_vote_from_the_ballot_and_one_from_no_browser_are_taken() {
        for headers in [
            &[][..],
            &[("host", "vote.example")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("host", "vote.example"), ("origin", "http://vote.example")],
            &[
                ("host", "Vote.example:443"),
                ("origin", "https://vote.example"),
            ],
            &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            // The browser knows better than a proxy that changes the host.
            &[
                ("host", "inside:8080"),
                ("origin", "https://vote.example"),
                ("sec-fetch-site", "same-origin"),
            ],
        ] {
            assert!(is_taken(headers), "{headers:?}");
        }
    }

    #[test]
    fn behind_a_gateway_its_address_is_the_sites_and_the_host_is_not() {
        let public = Some("https://vote.example");
        for (headers, taken) in [
            (&[("host", "inside:8080")][..], true),
            (&[("origin", "https://vote.example")], true),
            (
                &[("host", "inside:8080"), ("origin", "https://vote.example")],
                true,
            ),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[("host", "vote.example"), ("origin", "http://vote.example")],
                false,
            ),
            (
                &[("host", "evil.example"), ("origin", "https://evil.example")],
                false,
            ),
            (
                &[
                    ("origin", "https://vote.example"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
        ] {
            assert_eq!(is_taken_at(public, headers), taken, "{headers:?}");
        }
    }

    #[test]
    fn a_vote_that_another_site_sends_is_refused() {
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[
                ("host", "vote.example"),
                ("origin", "http://vote.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("host", "vote.example"), ("origin", "http://evil.example")],
            &[
                ("host", "vote.example"),
                ("origin", "http://vote.example:81"),
            ],
            &[
                ("host", "vote.example"),
                ("origin", "http://vote.example.evil"),
            ],
            &[("host", "vote.example"), ("origin", "null")],
            &[("host", "vote.example"), ("origin", "")],
            &[("origin", "http://vote.example")],
        ] {
            assert!(!is_taken(headers), "{headers:?}");
        }
    }
}
