//! Asking over a network from code that has no runtime, such as a guardian's, or that may be inside
//! of one.

use std::future::Future;

/// Runs `future` to its end on a thread of its own, with a runtime of its own.
///
/// # Errors
/// What the system said when it gave no runtime.
pub(crate) fn on_own_thread<T: Send>(
    future: impl AsyncFnOnce() -> T + Send,
) -> Result<T, std::io::Error> {
    let run = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map(|runtime| runtime.block_on(into_future(future)))
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn into_future<T>(question: impl AsyncFnOnce() -> T) -> impl Future<Output = T> {
    question()
}
