//! Faults on containers, on a Docker daemon of the tests' own, which `scripts/test` runs where one can
//! be started: as root, with `dockerd`, `docker` and a static `busybox` installed.

#[cfg(test)]
mod daemon;
#[cfg(test)]
mod faults;
