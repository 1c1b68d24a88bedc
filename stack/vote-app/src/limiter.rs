//! How many votes one client may send.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

/// How often clients that are no longer held back are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(5);

/// Votes that one client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRate {
    /// In the long run.
    pub per_s: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

impl ClientRate {
    /// `None` when the rate is 0.
    #[must_use]
    pub fn new(per_s: usize, burst: usize) -> Option<Self> {
        let number = |number: usize| NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX));
        Some(Self {
            per_s: number(per_s)?,
            burst: number(burst)?,
        })
    }
}

/// Counts the votes of each client (GCRA, the generic cell rate algorithm, by `governor`).
pub(crate) struct Limiter(DefaultKeyedRateLimiter<IpAddr>);

impl Limiter {
    pub(crate) fn new(rate: ClientRate) -> Self {
        let quota = Quota::per_second(rate.per_s).allow_burst(rate.burst);
        Self(RateLimiter::keyed(quota))
    }

    /// Whether this client may send one more vote now.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        self.0.check_key(&client(address)).is_ok()
    }

    /// Forgets clients that are no longer held back, until `shutdown`: otherwise each that ever
    /// came would take memory.
    pub(crate) async fn forget(self: Arc<Self>, shutdown: CancellationToken) {
        let pause = || tokio::time::sleep(FORGET_INTERVAL);
        while shutdown.run_until_cancelled(pause()).await.is_some() {
            self.0.retain_recent();
            self.0.shrink_to_fit();
        }
    }
}

/// Who counts as one client. A network of 64 bits is what one IPv6 customer has at least (RFC 6177).
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network_of_ipv6() {
        let limiter = Limiter::new(ClientRate::new(1, 2).unwrap());
        let allows = |address: &str| limiter.allows(address.parse().unwrap());
        assert!(allows("10.0.0.1") && allows("::ffff:10.0.0.1") && !allows("10.0.0.1"));
        assert!(allows("10.0.0.2"));
        assert!(allows("2001:db8::1") && allows("2001:db8::2") && !allows("2001:db8::3"));
        assert!(allows("2001:db8:0:1::1"));
        assert_eq!(ClientRate::new(0, 5), None);
    }
}
