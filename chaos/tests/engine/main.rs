//! Faults on containers, on engines of the tests' own, which `scripts/test` runs where they can be
//! started: as root, with a static `busybox`, Docker's programs and, for those on Podman, `podman`.

#[cfg(test)]
mod campaign;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod runner;
#[cfg(test)]
mod tls;
#[cfg(test)]
#[path = "../common/victims.rs"]
mod victims;
