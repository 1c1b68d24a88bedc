//! A thin client of Loki's HTTP API (<https://grafana.com/docs/loki/latest/reference/loki-http-api/>).
//!
//! Loki words its errors in plain text, refuses log queries on its instant endpoint, and gives at
//! most 5000 lines for a question.

use std::sync::Arc;

use serde::Deserialize;
use url::Url;

use super::query::EXAMPLE;
use super::{Excerpt, LogLine, LogQuery, MAX_LINES, PAGE_LINES};
use crate::access::Access;
use crate::backend::{BackendError, Http};
use crate::prometheus::Labels;
use crate::text::clean_line;

const QUERY_RANGE: &str = "loki/api/v1/query_range";

/// A client of one Loki.
#[derive(Debug, Clone)]
pub struct Loki {
    pub(super) http: Http,
}

#[derive(Deserialize)]
struct Envelope {
    data: Data,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Streams(Vec<Stream>),
    Matrix(serde::de::IgnoredAny),
    Vector(serde::de::IgnoredAny),
    Scalar(serde::de::IgnoredAny),
}

/// Lines with the same labels.
#[derive(Deserialize)]
pub(super) struct Stream {
    #[serde(default)]
    stream: Labels,
    #[serde(default)]
    values: Vec<Entry>,
}

/// `["nanoseconds", "line"]`, and in a third place what a line has of its own (structured
/// metadata).
#[derive(Deserialize)]
struct Entry(String, String, #[serde(default)] Option<Labels>);

impl Loki {
    /// A client for the server at `base`, for instance `http://127.0.0.1:3100`.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`].
    pub fn new(base: &Url) -> Result<Self, BackendError> {
        Self::with_access(base, &Access::default())
    }

    /// A client that has access to the server at `base`.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`], [`BackendError::NoAccess`].
    pub fn with_access(base: &Url, access: &Access) -> Result<Self, BackendError> {
        Ok(Self {
            http: Http::with_access(base, access)?,
        })
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &Url {
        self.http.base()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// The server's version, such as `3.4.2`.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn version(&self) -> Result<String, BackendError> {
        #[derive(Deserialize)]
        struct Build {
            version: String,
        }
        let build: Build = self
            .http
            .get_json("loki/api/v1/status/buildinfo", &[])
            .await?;
        Ok(build.version)
    }

    /// The names of all labels of the last hours; the least that can be asked.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn labels(&self) -> Result<Vec<String>, BackendError> {
        #[derive(Deserialize)]
        struct Labels {
            #[serde(default)]
            data: Vec<String>,
        }
        let answer: Labels = self.http.get_json("loki/api/v1/labels", &[]).await?;
        Ok(answer.data)
    }

    /// The newest lines of a time, by as many questions as it takes.
    pub(super) async fn newest(
        &self,
        query: &LogQuery,
        from_ns: i64,
        to_ns: i64,
        limit: usize,
    ) -> Result<Excerpt, BackendError> {
        let mut lines: Vec<LogLine> = Vec::new();
        let mut to_ns = to_ns;
        while lines.len() < limit {
            let wanted = (limit - lines.len()).min(MAX_LINES);
            let mut page = self.page(query, from_ns, to_ns, wanted, "backward").await?;
            let full = page.len() >= wanted;
            // Lines of the oldest nanosecond may be cut by the limit: they are asked for again.
            let oldest_ns = page.first().map(|line| line.at_ns);
            if full && page.iter().any(|line| Some(line.at_ns) != oldest_ns) {
                page.retain(|line| Some(line.at_ns) != oldest_ns);
            }
            to_ns = match page.first() {
                Some(first) => first.at_ns - 1,
                None => break,
            };
            page.append(&mut lines);
            lines = page;
            if !full || to_ns < from_ns {
                break;
            }
        }
        let cut = lines.first().filter(|_| lines.len() >= limit);
        let cut_ns = cut.map(|line| line.at_ns);
        Ok(Excerpt { lines, cut_ns })
    }

    /// The oldest lines of a time, one page of them.
    pub(super) async fn oldest(
        &self,
        query: &LogQuery,
        from_ns: i64,
        to_ns: i64,
    ) -> Result<Vec<LogLine>, BackendError> {
        self.page(query, from_ns, to_ns, PAGE_LINES, "forward")
            .await
    }

    /// One question; both ends are inside, the lines come oldest first.
    async fn page(
        &self,
        query: &LogQuery,
        from_ns: i64,
        to_ns: i64,
        limit: usize,
        direction: &str,
    ) -> Result<Vec<LogLine>, BackendError> {
        // Loki's end is outside.
        let (from, to) = (from_ns.to_string(), to_ns.saturating_add(1).to_string());
        let limit = limit.to_string();
        let logql = query.to_logql();
        let parameters = [
            ("query", logql.as_str()),
            ("start", &from),
            ("end", &to),
            ("limit", &limit),
            ("direction", direction),
        ];
        let (status, body) = self.http.get(QUERY_RANGE, &parameters).await?;
        // Other refusals may pass: a login that is renewed, a limit on the rate.
        if matches!(status.as_u16(), 400 | 422) {
            // Its own words, whatever it is that it does not like.
            let words = clean_line(&String::from_utf8_lossy(&body))
                .trim()
                .to_owned();
            return Err(BackendError::Refused {
                url: self.http.name(QUERY_RANGE),
                kind: format!("HTTP {}", status.as_u16()),
                message: words,
            });
        }
        if !status.is_success() {
            return Err(self.http.status_error(QUERY_RANGE, status, &body));
        }
        let answer: Envelope = serde_json::from_slice(&body)
            .map_err(|error| self.http.garbage(QUERY_RANGE, &error, &body))?;
        lines(answer.data).map_err(|reason| BackendError::Refused {
            url: self.http.name(QUERY_RANGE),
            kind: "not lines".into(),
            message: reason,
        })
    }
}

fn owned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// The lines of an answer, oldest first.
fn lines(data: Data) -> Result<Vec<LogLine>, String> {
    let Data::Streams(streams) = data else {
        return Err(format!(
            "the query gives numbers; :query charts PromQL, lines need a log query such as {EXAMPLE}"
        ));
    };
    lines_of(streams)
}

/// The lines of streams, oldest first.
///
/// # Errors
/// What is wrong with a line's time.
pub(super) fn lines_of(streams: Vec<Stream>) -> Result<Vec<LogLine>, String> {
    let mut lines = Vec::new();
    for Stream { stream, values } in streams {
        let labels = Arc::new(stream);
        for Entry(at_ns, text, own) in values {
            let at_ns = at_ns
                .parse()
                .map_err(|_| format!("{at_ns:?} is no time in nanoseconds"))?;
            let labels = match own.filter(|own| !own.is_empty()) {
                Some(own) => Arc::new(labels.iter().map(owned).chain(own).collect()),
                None => Arc::clone(&labels),
            };
            lines.push(LogLine::new(at_ns, labels, text));
        }
    }
    lines.sort_by_key(|line: &LogLine| line.at_ns);
    Ok(lines)
}

#[cfg(test)]
#[path = "loki_tests.rs"]
mod tests;
