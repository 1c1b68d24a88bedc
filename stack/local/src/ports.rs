//! Ports: who holds one, and the next that is free.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};

use crate::Error;

/// How many ports above the preferred one are tried.
const TRIES: u16 = 200;

/// Hands out ports on the loopback address, each once.
#[derive(Debug, Default)]
pub struct Ports {
    taken: BTreeSet<u16>,
    /// One sentence for each preferred port that somebody else holds.
    pub notes: Vec<String>,
}

impl Ports {
    /// The preferred port, or the next free one with a note of who holds the preferred one.
    ///
    /// # Errors
    /// [`Error::NoPort`].
    pub fn take(&mut self, component: &str, preferred: u16) -> Result<u16, Error> {
        let last = preferred.saturating_add(TRIES);
        let free = (preferred..=last).find(|port| !self.taken.contains(port) && is_free(*port));
        let Some(port) = free else {
            return Err(Error::NoPort {
                component: component.into(),
                from: preferred,
            });
        };
        if port != preferred && !self.taken.contains(&preferred) {
            let holder = holder(preferred).unwrap_or_else(|| "another process".into());
            self.notes.push(format!(
                "port {preferred} is held by {holder}; {component} listens on {port}"
            ));
        }
        self.taken.insert(port);
        Ok(port)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether a process, or one below it, listens on `port`; `None` when that cannot be told.
pub(crate) fn listens(pid: u32, port: u16) -> Option<bool> {
    let pid = i32::try_from(pid).ok()?;
    let own = holds(&Process::new(pid).ok()?, &listening(port))?;
    // A script may have started the program, and stayed.
    Some(own || holder_of(port).is_some_and(|holder| is_below(holder, pid)))
}

/// Whether a process was started by another, or by one of those that this has started.
fn is_below(mut process: Process, ancestor: i32) -> bool {
    loop {
        match process.stat().map(|stat| stat.ppid) {
            Ok(parent) if parent == ancestor => return true,
            Ok(parent) if parent > 1 => match Process::new(parent) {
                Ok(parent) => process = parent,
                Err(_) => return false,
            },
            _ => return false,
        }
    }
}

/// Whether a process has one of these sockets; `None` when it may not be looked at.
fn holds(process: &Process, inodes: &BTreeSet<u64>) -> Option<bool> {
    let mut files = process.fd().ok()?.flatten();
    Some(files.any(|fd| matches!(fd.target, FDTarget::Socket(inode) if inodes.contains(&inode))))
}

/// The process that listens on `port`, if it may be looked at.
fn holder_of(port: u16) -> Option<Process> {
    let inodes = listening(port);
    let mut all = all_processes().ok()?.flatten();
    all.find(|process| holds(process, &inodes) == Some(true))
}

/// The sockets that listen on `port`.
fn listening(port: u16) -> BTreeSet<u64> {
    let entries = procfs::net::tcp()
        .into_iter()
        .chain(procfs::net::tcp6())
        .flatten();
    let entries = entries.filter(|entry| entry.state == TcpState::Listen);
    let entries = entries.filter(|entry| entry.local_address.port() == port);
    entries.map(|entry| entry.inode).collect()
}

/// The process that listens on `port`, as `name (pid N)`. `None` when it cannot be told, for a
/// process of another user for instance.
fn holder(port: u16) -> Option<String> {
    let process = holder_of(port)?;
    let name = process
        .stat()
        .map_or_else(|_| "a process".into(), |stat| stat.comm);
    Some(format!("{name} (pid {})", process.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_with_its_holder_and_stepped_over() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let preferred = held.local_addr().unwrap().port();
        let mut ports = Ports::default();
        let port = ports.take("redis", preferred).unwrap();
        assert!(port > preferred);
        let told = format!("(pid {}); redis listens on {port}", std::process::id());
        assert!(ports.notes[0].contains(&told), "{:?}", ports.notes);
    }

    #[test]
    fn who_listens_is_told_from_who_does_not() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let mut other = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert_eq!(listens(std::process::id(), port), Some(true));
        let above = Process::myself().unwrap().stat().unwrap().ppid;
        assert_eq!(listens(above.unsigned_abs(), port), Some(true));
        assert_eq!(listens(other.id(), port), Some(false));
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(listens(other.id(), port), None);
    }

    #[test]
    fn the_same_port_is_not_handed_out_twice() {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        let preferred = probe.local_addr().unwrap().port();
        drop(probe);
        let mut ports = Ports::default();
        let first = ports.take("a", preferred).unwrap();
        let second = ports.take("b", preferred).unwrap();
        assert_ne!(first, second);
    }
}
