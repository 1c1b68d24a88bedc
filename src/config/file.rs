//! What the file says, as it is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use url::Url;
use voteops_observability::access::{Access, Login, Secret};
use voteops_observability::alertmanager::silences::{self, Matcher, MatcherError};
use voteops_observability::signals::Signal;

use super::values::{duration, fault_length, keys, rate, share};

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The context that is meant when neither servers nor a stack are named, and none runs.
    pub(crate) default: Option<String>,
    /// What the console looks like.
    #[serde(default)]
    pub(crate) console: Console,
    /// What experiments on the stack of this machine may do.
    #[serde(default)]
    pub(crate) chaos: Chaos,
    /// The services.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// What the console looks like; arguments come before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Console {
    /// Time between two readings.
    #[serde(default, with = "duration")]
    pub(crate) refresh: Option<Duration>,
    /// The theme's name.
    pub(crate) theme: Option<String>,
    /// The language: `en` or `id`.
    pub(crate) lang: Option<String>,
    /// Whether nothing but ASCII is drawn.
    #[serde(default)]
    pub(crate) ascii: bool,
    /// Whether the console takes the mouse.
    pub(crate) mouse: Option<bool>,
    /// Keys by the names of what they do; [`voteops_console::Keys`] reads them.
    #[serde(default, with = "keys")]
    pub(crate) keys: BTreeMap<String, Vec<String>>,
}

/// What experiments may do; without a limit, everything.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chaos {
    /// The longest fault.
    #[serde(default, with = "fault_length")]
    pub(crate) longest: Option<Duration>,
    /// The greatest share of the workers or the vote apps that one fault may touch.
    #[serde(default, with = "share")]
    pub(crate) most_share: Option<f64>,
    /// The most votes or reads in a second.
    #[serde(default, with = "rate")]
    pub(crate) highest_rate: Option<f64>,
    /// A name that has to be given with `--confirm`, or typed, before every experiment.
    pub(crate) protected: Option<String>,
    /// The context in whose Loki and Grafana faults are marked.
    pub(crate) marks: Option<String>,
}

/// A service and its backends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Metrics and rules.
    pub(crate) prometheus: Url,
    /// Alerts that are held and notified about.
    pub(crate) alertmanager: Option<Url>,
    /// What alerts have to match that no known rule makes, to be of this service.
    #[serde(default)]
    pub(crate) alertmanager_filter: Filter,
    /// The alert rules that Grafana evaluates.
    pub(crate) grafana: Option<Url>,
    /// Log lines.
    pub(crate) loki: Option<Url>,
    /// How all of them are spoken to.
    auth: Option<Auth>,
    prometheus_auth: Option<Auth>,
    alertmanager_auth: Option<Auth>,
    grafana_auth: Option<Auth>,
    loki_auth: Option<Auth>,
    /// Whether nothing may be changed from here.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// Signals that replace those of the same identity, or come after them.
    #[serde(default)]
    pub(crate) signals: Vec<Signal>,
    /// Whether only these signals are shown, and not the voting service's.
    #[serde(default)]
    pub(crate) only_own_signals: bool,
}

/// Matchers of alerts, as `amtool` takes them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Filter(pub(crate) Vec<Matcher>);

impl TryFrom<String> for Filter {
    type Error = MatcherError;

    fn try_from(text: String) -> Result<Self, MatcherError> {
        silences::parse(&text).map(Self)
    }
}

/// How a server is spoken to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    basic: Option<Basic>,
    bearer: Option<Kept>,
    ca: Option<PathBuf>,
    client: Option<Client>,
    tenant: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    user: String,
    password: Kept,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    certificate: PathBuf,
    key: PathBuf,
}

/// Where a secret is kept: exactly one of the three.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(try_from = "KeptIn")]
struct Kept(Secret);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptIn {
    value: Option<String>,
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
}

impl TryFrom<KeptIn> for Kept {
    type Error = &'static str;

    fn try_from(kept: KeptIn) -> Result<Self, Self::Error> {
        match (kept.value, kept.file, kept.command) {
            (Some(value), None, None) => Ok(Self(Secret::Value(value))),
            (None, Some(file), None) => Ok(Self(Secret::File(file))),
            (None, None, Some(command)) => Ok(Self(Secret::Command(command))),
            _ => Err("write one of { value = \"…\" }, { file = \"…\" } and { command = [\"…\"] }"),
        }
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A message without the values that it repeats: one of them may be a secret in the wrong place.
fn without_values(message: &str) -> String {
    static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r#"(invalid (?:type|value): \w+(?: \w+)?) (?:"(?:[^"\\]|\\.)*"|`[^`]*`)"#,
            r#"|: "(?:[^"\\]|\\.)*"$"#
        ))
        .ok()
    });
    match &*VALUE {
        Some(value) => value.replace_all(message, "$1").into_owned(),
        None => "it cannot be read".to_owned(),
    }
}

impl File {
    /// Reads the text of the file at `path`; paths in it are relative to its directory.
    ///
    /// # Errors
    /// What is wrong and where, in one line that holds no value of the file.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, String> {
        let mut file: Self = toml::from_str(text).map_err(|error| {
            // The message of the error itself would quote the line, which may hold a secret.
            let place = error.span().map_or_else(String::new, |span| {
                let before = text.get(..span.start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before
                    .rsplit('\n')
                    .next()
                    .map_or(0, |last| last.chars().count())
                    + 1;
                format!("line {line}, column {column}: ")
            });
            format!(
                "{place}{}",
                without_values(&error.message().replace('\n', " "))
            )
        })?;
        let dir = path.parent().unwrap_or(Path::new("."));
        for context in file.contexts.values_mut() {
            for auth in context.auths_mut() {
                auth.settle(dir);
            }
        }
        Ok(file)
    }
}

impl Context {
    fn auths_mut(&mut self) -> impl Iterator<Item = &mut Auth> {
        let own = [
            &mut self.auth,
            &mut self.prometheus_auth,
            &mut self.alertmanager_auth,
            &mut self.grafana_auth,
            &mut self.loki_auth,
        ];
        own.into_iter().flatten()
    }

    fn auths(&self) -> impl Iterator<Item = (&'static str, &Auth)> {
        let own = [
            ("auth", &self.auth),
            ("prometheus_auth", &self.prometheus_auth),
            ("alertmanager_auth", &self.alertmanager_auth),
            ("grafana_auth", &self.grafana_auth),
            ("loki_auth", &self.loki_auth),
        ];
        own.into_iter()
            .filter_map(|(name, auth)| Some((name, auth.as_ref()?)))
    }

    /// The backends with their addresses and how each is spoken to.
    pub(crate) fn backends(&self) -> Vec<(&'static str, &Url, Access)> {
        let access = |own: &Option<Auth>| {
            let auth = own.as_ref().or(self.auth.as_ref());
            auth.map(Auth::access).unwrap_or_default()
        };
        let all = [
            ("prometheus", Some(&self.prometheus), &self.prometheus_auth),
            (
                "alertmanager",
                self.alertmanager.as_ref(),
                &self.alertmanager_auth,
            ),
            ("grafana", self.grafana.as_ref(), &self.grafana_auth),
            ("loki", self.loki.as_ref(), &self.loki_auth),
        ];
        all.into_iter()
            .filter_map(|(name, url, auth)| Some((name, url?, access(auth))))
            .collect()
    }

    /// How the backend of a name is spoken to.
    pub(crate) fn access(&self, name: &str) -> Access {
        let all = self.backends().into_iter();
        let mut found = all.filter(|(known, ..)| *known == name);
        found.next().map(|(.., access)| access).unwrap_or_default()
    }

    /// All that is wrong beyond the form.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, url, _) in self.backends() {
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                problems.push(format!("{name}: write http://HOST:PORT"));
            }
            if !url.username().is_empty() || url.password().is_some() {
                problems.push(format!(
                    "{name}: write user and password as auth.basic, not in the address"
                ));
            }
        }
        for (name, auth) in self.auths() {
            if auth.basic.is_some() && auth.bearer.is_some() {
                problems.push(format!("{name}: basic and bearer exclude each other"));
            }
            let files = auth.files().into_iter();
            problems.extend(
                files
                    .filter(|file| !file.is_file())
                    .map(|file| format!("{name}: {} is no file that is there", file.display())),
            );
        }
        problems
    }

    pub(super) fn holds_secrets(&self) -> bool {
        self.auths().any(|(_, auth)| {
            let password = auth.basic.as_ref().map(|basic| &basic.password);
            let kept = password.into_iter().chain(&auth.bearer);
            kept.into_iter()
                .any(|kept| matches!(kept.0, Secret::Value(_)))
        })
    }
}

impl Auth {
    fn settle(&mut self, dir: &Path) {
        let secrets = self.basic.as_mut().map(|basic| &mut basic.password);
        for kept in secrets.into_iter().chain(&mut self.bearer) {
            if let Secret::File(file) = &mut kept.0 {
                settle(file, dir);
            }
        }
        let client = self.client.as_mut();
        let pair = client.map(|client| [&mut client.certificate, &mut client.key]);
        for file in self.ca.iter_mut().chain(pair.into_iter().flatten()) {
            settle(file, dir);
        }
    }

    fn files(&self) -> Vec<&PathBuf> {
        let secrets = self.basic.as_ref().map(|basic| &basic.password);
        let secrets = secrets.into_iter().chain(&self.bearer);
        let secrets = secrets.filter_map(|kept| match &kept.0 {
            Secret::File(file) => Some(file),
            _ => None,
        });
        let client = self.client.iter();
        let pair = client.flat_map(|client| [&client.certificate, &client.key]);
        secrets.chain(&self.ca).chain(pair).collect()
    }

    fn access(&self) -> Access {
        let basic = self.basic.as_ref();
        let basic = basic.map(|basic| Login::Basic(basic.user.clone(), basic.password.0.clone()));
        let bearer = self.bearer.as_ref();
        Access {
            login: basic.or_else(|| bearer.map(|kept| Login::Bearer(kept.0.clone()))),
            ca: self.ca.clone(),
            client: self
                .client
                .as_ref()
                .map(|client| (client.certificate.clone(), client.key.clone())),
            tenant: self.tenant.clone(),
        }
    }
}

/// Makes a path one that does not depend on where the program runs: `~` is the home directory.
fn settle(file: &mut PathBuf, dir: &Path) {
    let home = std::env::var_os("HOME");
    if let (Ok(rest), Some(home)) = (file.strip_prefix("~"), home) {
        *file = Path::new(&home).join(rest);
    } else if file.is_relative() {
        *file = dir.join(&file);
    }
}
