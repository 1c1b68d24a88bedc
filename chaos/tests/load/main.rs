//! Load against servers that accept, refuse, dawdle, break and are not there.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod backlog;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod server;
#[cfg(test)]
mod voters;
