//! The runtimes that commands run on.

use tokio::runtime::{Builder, Runtime};

use crate::Failure;

/// A runtime that works on all cores.
pub(crate) fn multi_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// A runtime on this very thread.
pub(crate) fn single_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
