//! Who sent a request that came through proxies.
//!
//! Anyone can write the headers that proxies write, so they are believed only of proxies that are known:
//! each adds whom it got the request from at the end, and the last address that is no known proxy's is
//! the client's. One header only is read, or clients would use the one that the proxies leave alone.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// What most proxies write.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies in front of the vote app. None, unless some are named.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    known: Vec<IpNet>,
    header: Forwarding,
}

/// The header in which the proxies say whom they got a request from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forwarding {
    /// `X-Forwarded-For`, a list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), whose elements have the address after `for=`.
    Forwarded,
}

impl Forwarding {
    /// The header of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Some(Self::XForwardedFor),
            "forwarded" => Some(Self::Forwarded),
            _ => None,
        }
    }

    fn header(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => header::FORWARDED,
        }
    }

    /// The address that one element of the header has, if it is one.
    fn address(self, element: &str) -> Option<IpAddr> {
        let node = match self {
            Self::XForwardedFor => element,
            Self::Forwarded => element.split(';').find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then_some(value)
            })?,
        };
        address_of(node.trim().trim_matches('"'))
    }
}

impl Proxies {
    /// The proxies `known`, which write `header`.
    #[must_use]
    pub fn new(known: Vec<IpNet>, header: Forwarding) -> Self {
        Self { known, header }
    }

    /// Who sent a request that came from `peer`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.is_known(client) {
            return client;
        }
        let lines = headers.get_all(self.header.header()).iter().rev();
        // Elements are told apart by any comma, also in quotes: whatever a client opened, what the
        // proxy added after it stays an element.
        let elements = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for element in elements {
            let element = str::from_utf8(element).ok();
            let Some(address) = element.and_then(|element| self.header.address(element)) else {
                // Who is hidden or not told counts as the proxy that did not tell.
                break;
            };
            client = address;
            if !self.is_known(client) {
                break;
            }
        }
        client
    }

    fn is_known(&self, address: IpAddr) -> bool {
        self.known.iter().any(|net| net.contains(&address))
    }
}

/// An address with or without a port; version 6 may be in brackets.
fn address_of(node: &str) -> Option<IpAddr> {
    let bare = || node.strip_prefix('[')?.strip_suffix(']');
    let address = node.parse().ok();
    let address = address.or_else(|| node.parse().ok().map(|with: SocketAddr| with.ip()));
    let address: Option<IpAddr> = address.or_else(|| bare()?.parse().ok());
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
#[path = "proxies_tests.rs"]
mod tests;
