//! What `voteops up` starts: each component's program, arguments, port and health check.

mod extras;
mod layout;
mod servers;
mod services;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use url::Url;
use uuid::Uuid;

use crate::component::Kind;
use crate::data_dir::DataDir;
use crate::health::Check;
use crate::ports::Ports;
use crate::{Error, Options};
use layout::Layout;

/// The name of the file with the token of the admin listeners.
const ADMIN_TOKEN: &str = "admin.token";

/// A component to start.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Components of a stage start together, once those of the stages before serve.
    pub(crate) stage: u8,
    /// Whether there is no stack without it. The others join in when they can.
    pub(crate) required: bool,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) url: Option<Url>,
    /// Where it takes faults.
    pub(crate) admin_url: Option<Url>,
    pub(crate) check: Check,
}

/// The whole stack.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) specs: Vec<Spec>,
    pub(crate) webhook_port: u16,
    pub(crate) prometheus: Url,
    pub(crate) ledger_url: String,
    /// The file with the token that opens every `admin_url`.
    pub(crate) admin_token_file: PathBuf,
    /// Rule files to write, name and text, once Prometheus scrapes its targets.
    pub(crate) late_rules: Vec<(String, String)>,
    /// Sentences about ports that were taken.
    pub(crate) notes: Vec<String>,
}

/// Decides on ports, writes the configuration files and says what to start.
pub(crate) fn plan(options: &Options, dir: &DataDir, voteops: &Path) -> Result<Plan, Error> {
    let mut ports = Ports::default();
    let layout = Layout::choose(options, &mut ports)?;
    let admin_token_file = dir.write_secret(ADMIN_TOKEN, &random_token())?;
    let builder = Builder {
        options,
        dir,
        voteops,
        layout: &layout,
        admin_token_file: &admin_token_file,
    };
    let ledger_url = options
        .database_url
        .clone()
        .unwrap_or_else(|| format!("sqlite://{}", dir.root().join("votes.db").display()));

    let mut specs = vec![builder.redis()?, builder.exporter()?];
    specs.extend(builder.vote_apps(&ledger_url));
    specs.extend(builder.workers(&ledger_url));
    specs.push(builder.alertmanager()?);
    specs.push(builder.prometheus()?);
    specs.extend(builder.voters());
    specs.extend(builder.logs_and_dashboards()?);
    Ok(Plan {
        late_rules: builder.rules()?,
        specs,
        webhook_port: layout.webhook,
        prometheus: local_url(layout.prometheus),
        ledger_url,
        admin_token_file,
        notes: ports.notes,
    })
}

/// What `voteops up` would say of ports that others hold: one sentence each.
///
/// # Errors
/// [`Error::NoPort`].
pub fn taken_ports(options: &Options) -> Result<Vec<String>, Error> {
    let mut ports = Ports::default();
    Layout::choose(options, &mut ports)?;
    Ok(ports.notes)
}

/// Makes the components of one stack.
struct Builder<'a> {
    options: &'a Options,
    dir: &'a DataDir,
    voteops: &'a Path,
    layout: &'a Layout,
    admin_token_file: &'a Path,
}

impl Builder<'_> {
    fn redis_url(&self) -> Url {
        parsed(&format!("redis://127.0.0.1:{}", self.layout.redis))
    }
}

/// A token that cannot be guessed: 244 random bits (RFC 9562, section 5.4).
fn random_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn http(base: &Url, path: &str, contains: &'static str) -> Check {
    Check::Http {
        url: parsed(&format!("{base}{path}")),
        contains,
    }
}

fn local_url(port: u16) -> Url {
    parsed(&format!("http://127.0.0.1:{port}"))
}

#[expect(
    clippy::expect_used,
    reason = "scheme, loopback address and port always make a URL"
)]
fn parsed(url: &str) -> Url {
    url.parse()
        .expect("a URL made of a scheme, the loopback address and a port")
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Config(error.to_string())
}
