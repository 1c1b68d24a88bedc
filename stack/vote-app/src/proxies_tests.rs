use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

fn behind(header: Forwarding) -> Proxies {
    let known = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
    Proxies::new(known.to_vec(), header)
}

fn client(proxies: &Proxies, peer: &str, lines: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(proxies.header.header(), line.parse().unwrap());
    }
    proxies.client(peer.parse().unwrap(), &headers).to_string()
}

#[test]
fn the_last_address_that_is_no_known_proxys_counts() {
    let proxies = behind(Forwarding::XForwardedFor);
    for (lines, expected) in [
        (&["192.0.2.7"][..], "192.0.2.7"),
        (&["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        (&["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        (&["192.0.2.7, 10.9.9.9", "10.2.2.2,fd00::1"], "192.0.2.7"),
        (&["192.0.2.7:4711"], "192.0.2.7"),
        (&["2001:db8::1"], "2001:db8::1"),
        (&["[2001:db8::1]:4711"], "2001:db8::1"),
        (&["::ffff:192.0.2.7"], "192.0.2.7"),
        // Nobody but proxies.
        (&["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        // Who does not tell counts itself.
        (&["192.0.2.7, unknown"], PROXY),
        (&["192.0.2.7, unknown, 10.2.2.2"], "10.2.2.2"),
        (&["192.0.2.7, "], PROXY),
        (&[], PROXY),
    ] {
        assert_eq!(client(&proxies, PROXY, lines), expected, "{lines:?}");
        let mapped = format!("::ffff:{PROXY}");
        assert_eq!(client(&proxies, &mapped, lines), expected, "{lines:?}");
    }
}

#[test]
fn the_elements_of_rfc_7239_are_read() {
    let proxies = behind(Forwarding::Forwarded);
    for (lines, expected) in [
        (&["for=192.0.2.7"][..], "192.0.2.7"),
        (&["For=\"[2001:db8::1]:4711\""], "2001:db8::1"),
        (&["for=\"[2001:db8::1]\""], "2001:db8::1"),
        (&["proto=https;by=10.0.0.1; for=192.0.2.7"], "192.0.2.7"),
        (
            &["for=198.51.100.1, for=192.0.2.7;by=x, for=10.2.2.2"],
            "192.0.2.7",
        ),
        // Quotes that a client left open.
        (&["for=\"198.51.100.1, for=192.0.2.7"], "192.0.2.7"),
        (&["for=_hidden"], PROXY),
        (&["192.0.2.7"], PROXY),
    ] {
        assert_eq!(client(&proxies, PROXY, lines), expected, "{lines:?}");
    }
}

#[test]
fn nobody_else_is_believed_and_one_header_only() {
    let lines = ["192.0.2.7"];
    let by_default = Proxies::default();
    assert_eq!(client(&by_default, PROXY, &lines), PROXY);
    let proxies = behind(Forwarding::XForwardedFor);
    assert_eq!(client(&proxies, "192.0.2.9", &lines), "192.0.2.9");
    let mut headers = HeaderMap::new();
    headers.insert(header::FORWARDED, "for=192.0.2.7".parse().unwrap());
    let found = proxies.client(PROXY.parse().unwrap(), &headers);
    assert_eq!(found.to_string(), PROXY);
}

proptest! {
    /// Whatever a client writes, the proxy adds the client's address after it.
    #[test]
    fn what_a_client_writes_itself_changes_nothing(
        written in proptest::collection::vec(any::<u8>(), 0..60),
        is_own_line in any::<bool>(),
    ) {
        for (header, added) in [
            (Forwarding::XForwardedFor, "192.0.2.7"),
            (Forwarding::Forwarded, "for=192.0.2.7"),
        ] {
            let proxies = behind(header);
            let mut headers = HeaderMap::new();
            let line = if is_own_line { written.clone() } else { [&written, &b", "[..], added.as_bytes()].concat() };
            if let Ok(line) = header::HeaderValue::from_bytes(&line) {
                headers.append(header.header(), line);
            }
            if is_own_line || headers.is_empty() {
                headers.append(header.header(), added.parse().unwrap());
            }
            let found = proxies.client(PROXY.parse().unwrap(), &headers);
            prop_assert_eq!(found.to_string(), "192.0.2.7");
        }
    }
}
