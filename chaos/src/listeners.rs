//! Where a target can be scraped: the addresses by which Prometheus may know it.

use std::collections::HashSet;

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::FDTarget;

use crate::engine;
use crate::identity::Identity;
use crate::record::Target;

/// The names by which a machine knows itself.
const OWN: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Of each target, `host:port` of what it listens on (a process), or its hosts (a container): its
/// addresses in its networks, and its name. Blocks for some milliseconds, up to seconds when an engine is
/// slow. What cannot be read is left out.
#[must_use]
pub fn addresses(targets: &[Target]) -> Vec<String> {
    let hosts = engine::hosts(targets);
    let of = targets.iter().zip(hosts).flat_map(|(target, hosts)| {
        let listening = match &target.identity {
            Identity::Process(process) => listening(process.pid),
            Identity::Container(_) | Identity::Listener(_) => Vec::new(),
        };
        listening.into_iter().chain(hosts)
    });
    of.collect()
}

fn listening(pid: i32) -> Vec<String> {
    let Some(inodes) = sockets(pid) else {
        return Vec::new();
    };
    let entries = [tcp(), tcp6()].into_iter().flatten().flatten();
    let ours =
        |entry: &TcpNetEntry| entry.state == TcpState::Listen && inodes.contains(&entry.inode);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let addresses = entries.filter(ours).flat_map(|entry| {
        let address = entry.local_address;
        let hosts = OWN.into_iter().chain([host]);
        let own = hosts.map(move |host| format!("{host}:{}", address.port()));
        own.chain([address.to_string()])
    });
    addresses.collect()
}

/// The inodes of the sockets that a process has open.
fn sockets(pid: i32) -> Option<HashSet<u64>> {
    let open = procfs::process::Process::new(pid).ok()?.fd().ok()?;
    let sockets = open.flatten().filter_map(|fd| match fd.target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    });
    Some(sockets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Process;

    #[test]
    fn a_process_is_known_by_what_it_listens_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = Target::process("own", Process::current().unwrap());
        let known = addresses(&[own]);
        for host in ["127.0.0.1", "localhost"] {
            assert!(known.contains(&format!("{host}:{port}")), "{known:?}");
        }
    }
}
