//! What the system has to allow before so many connections are opened.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use url::{Position, Url};

use super::LoadError;

/// Descriptors for all but the connections: timers, the asking of the queue, and what is opened for
/// a moment.
const SPARE_FILES: u64 = 32;

/// Sees that `connections` can be opened, over `urls` that take turns. Raises the soft limit of
/// descriptors of this process where that is too low and the hard limit allows it.
///
/// # Errors
/// [`LoadError::Files`] and [`LoadError::Ports`] when there are too few of them.
pub(super) fn make_room(urls: &[Url], connections: usize) -> Result<(), LoadError> {
    // Where there is no such file, the kernel will tell.
    if let Ok(range) = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        && let Some(ports) = ports(&range)
    {
        allow_ports(urls, connections, ports)?;
    }
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
    let needed = open + connections as u64 + SPARE_FILES;
    if let Some(raised) = allow_files(connections, needed, getrlimit(Resource::Nofile))? {
        // Refused where a sandbox allows nobody to raise anything.
        setrlimit(Resource::Nofile, raised).map_err(|_| LoadError::Files {
            connections,
            needed,
            limit: getrlimit(Resource::Nofile).current.unwrap_or(0),
        })?;
    }
    Ok(())
}

/// How many ports the range `first last` has.
fn ports(range: &str) -> Option<usize> {
    let mut bounds = range.split_whitespace().map(str::parse::<usize>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    (last + 1).checked_sub(first)
}

/// A local port serves many connections, but only one to each address.
fn allow_ports(urls: &[Url], connections: usize, ports: usize) -> Result<(), LoadError> {
    let mut needed = BTreeMap::<_, usize>::new();
    for number in 0..connections {
        let url = &urls[number % urls.len()];
        *needed
            .entry(&url[Position::BeforeHost..Position::AfterPort])
            .or_default() += 1;
    }
    match needed.into_iter().find(|(_, needed)| *needed > ports) {
        None => Ok(()),
        Some((to, connections)) => Err(LoadError::Ports {
            connections,
            to: to.to_owned(),
            ports,
        }),
    }
}

/// The limit to set so that `needed` descriptors may be open; none when it is so already.
fn allow_files(
    connections: usize,
    needed: u64,
    limit: Rlimit,
) -> Result<Option<Rlimit>, LoadError> {
    let within = |most: Option<u64>| most.is_none_or(|most| needed <= most);
    match limit.maximum {
        _ if within(limit.current) => Ok(None),
        Some(limit) if needed > limit => Err(LoadError::Files {
            connections,
            needed,
            limit,
        }),
        maximum => Ok(Some(Rlimit {
            current: Some(needed),
            maximum,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(current: Option<u64>, maximum: Option<u64>) -> Rlimit {
        Rlimit { current, maximum }
    }

    #[test]
    fn the_soft_limit_is_raised_within_the_hard_one() {
        for (current, maximum, raised) in [
            (Some(1024), Some(4096), None),
            (None, None, None),
            (Some(512), Some(4096), Some(1000)),
            (Some(512), None, Some(1000)),
        ] {
            let allowed = allow_files(900, 1000, limit(current, maximum)).unwrap();
            let expected = raised.map(|current| limit(Some(current), maximum));
            assert_eq!(allowed, expected);
        }
        let refused = allow_files(900, 1000, limit(Some(512), Some(999))).unwrap_err();
        let told = refused.to_string();
        assert!(
            told.contains("900 connections need 1000 open files, and a process may have 999"),
            "{told}"
        );
    }

    #[test]
    fn each_address_has_the_ports_for_itself() {
        assert_eq!(ports("32768\t60999\n"), Some(28_232));
        assert_eq!(ports("nonsense"), None);
        let url = |text: &str| Url::parse(text).unwrap();
        let two = [url("http://127.0.0.1:1"), url("http://127.0.0.1:2")];
        assert!(allow_ports(&two, 20, 10).is_ok());
        let refused = allow_ports(&two, 21, 10).unwrap_err().to_string();
        assert!(
            refused.contains("11 connections to 127.0.0.1:1 need as many local ports"),
            "{refused}"
        );
        let same = [url("http://127.0.0.1:1/a"), url("http://127.0.0.1:1/b")];
        assert!(allow_ports(&same, 11, 10).is_err());
    }
}
