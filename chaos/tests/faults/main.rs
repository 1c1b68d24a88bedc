//! Faults on real processes, with runners and guardians that are killed in the middle of them.

#[cfg(test)]
mod engine;
#[cfg(test)]
mod fill;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod guardian;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod kill_campaign;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod stall;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "../common/victims.rs"]
mod victims;
