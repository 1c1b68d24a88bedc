//! Runs the whole stack as processes on this machine: `voteops up`, and the tests.
//!
//! A *supervisor* process of its own session owns every component ([`supervisor`]); `voteops up`
//! is a front that starts it, shows its [`event`]s and holds the pipe whose end makes it stop
//! ([`front`]). Each component is started through a *launcher* ([`launch`]) that ties its life to
//! the supervisor's, so that nothing outlives a `kill -9`. What runs where is written to
//! `stack.json` ([`stack_file`]), which the other commands find by themselves.

pub mod component;
pub mod data_dir;
pub mod event;
pub mod front;
mod health;
pub mod launch;
pub mod options;
pub mod packages;
mod plan;
pub mod ports;
pub mod stack_file;
pub mod supervisor;

pub use event::Event;
pub use options::Options;
pub use plan::taken_ports;
pub use stack_file::StackFile;

/// Why the stack could not be started, found or stopped. Each message is one line that names
/// the input, the reason and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory for the stack's data cannot be used.
    #[error("data directory {dir}: {reason}; choose another with --data-dir")]
    DataDir {
        /// The directory.
        dir: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A stack runs there already.
    #[error(
        "a stack already runs in {dir} ({supervisor}); `voteops down` stops it, \
         or choose another --data-dir"
    )]
    AlreadyRunning {
        /// The stack's directory.
        dir: String,
        /// The supervisor's process id, in words.
        supervisor: String,
    },
    /// Servers that are not installed.
    #[error("{0}")]
    Missing(packages::Missing),
    /// The package manager failed.
    #[error("`{command}` failed ({reason}); run it by hand, then `voteops up` again")]
    Install {
        /// What was run.
        command: String,
        /// How it ended.
        reason: String,
    },
    /// No stack to talk to.
    #[error(
        "no stack is running; start one with `voteops up`, or name a server with --prometheus URL"
    )]
    NoStack,
    /// No stack in the directory that was named.
    #[error("no stack is running in {dir}; start one with `voteops up --data-dir {dir}`")]
    NoStackIn {
        /// The directory.
        dir: String,
    },
    /// More than one stack, and none named.
    #[error("several stacks are running ({dirs}); choose one with --data-dir")]
    ManyStacks {
        /// Their directories.
        dirs: String,
    },
    /// The stack came up only in part, or died.
    #[error("{0}")]
    Startup(String),
    /// The supervisor does not stop.
    #[error(
        "the stack's supervisor (pid {pid}) is still there after {waited_s} s; `kill -9 {pid}` ends it and everything it runs"
    )]
    StillRunning {
        /// The supervisor's process id.
        pid: u32,
        /// How long it was waited for, in seconds.
        waited_s: u64,
    },
    /// No free port near the preferred one.
    #[error("no free port for {component} from {from} up; free one, or choose --port-base")]
    NoPort {
        /// Which component needs it.
        component: String,
        /// The first port that was tried.
        from: u16,
    },
    /// A shipped configuration file could not be fitted.
    #[error("configuration: {0}")]
    Config(String),
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Names what was being done when the operating system refused it.
pub(crate) trait Doing<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| Error::Io {
            doing: doing(),
            source: error.into(),
        })
    }
}
