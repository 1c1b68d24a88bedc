//! The ledger, whichever database holds it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::OnceCell;
use uuid::Uuid;
use voteops_queue::Queued;

use crate::Error;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;

/// How long any one call may take, unless another time is set. A database that is stopped in its tracks
/// answers never.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long closing may take. It spares the database some work, and nothing depends on it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The ledger of votes. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Ledger {
    backend: Backend,
    prepared: Arc<OnceCell<()>>,
    call_timeout: Duration,
}

#[derive(Debug, Clone)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// What became of the votes of one [`Ledger::record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Votes that now stand and did not before.
    pub written: u64,
    /// Votes that changed nothing: recorded before, or superseded by a later vote of the voter.
    pub unchanged: u64,
}

/// The vote of a voter that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who voted.
    pub voter: String,
    /// The vote's id.
    pub vote_id: Uuid,
    /// The id of what was chosen.
    pub choice: String,
}

/// One row to be: the fields of a vote as both databases take them.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) voter: &'a str,
    pub(crate) vote_id: String,
    pub(crate) choice: &'a str,
    pub(crate) cast_at_ms: i64,
    pub(crate) position: i64,
}

/// A voter, the id of the vote that stands, and its choice, as both databases give them.
pub(crate) type StandingRow = (String, String, String);

impl Ledger {
    /// Names the database by URL: `sqlite:PATH` or `sqlite://PATH` (made when absent; three slashes
    /// for an absolute path), or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Does not open it:
    /// see [`prepare`](Self::prepare). Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL names neither.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let backend = match url.split_once(':') {
            Some(("sqlite", path)) => {
                Backend::Sqlite(Sqlite::new(path.strip_prefix("//").unwrap_or(path))?)
            }
            Some(("postgres" | "postgresql", _)) => Backend::Postgres(Postgres::new(url)?),
            _ => {
                return Err(Error::Url(
                    "not the URL of a database that is known".to_owned(),
                ));
            }
        };
        Ok(Self {
            backend,
            prepared: Arc::default(),
            call_timeout: CALL_TIMEOUT,
        })
    }

    /// The same ledger, in which any one call takes `call_timeout` at most, instead of 10 s.
    #[must_use]
    pub fn with_call_timeout(self, call_timeout: Duration) -> Self {
        Self {
            call_timeout,
            ..self
        }
    }

    /// Opens the database and brings its schema up to date. Every other call does this first when it
    /// has not succeeded yet; calling it at start finds mistakes early. Any number of processes may
    /// do so at once.
    ///
    /// # Errors
    /// [`Error::Open`] when the database cannot be used, [`Error::Away`] when it cannot be reached.
    pub async fn prepare(&self) -> Result<(), Error> {
        let prepared = self.prepared.get_or_try_init(|| async {
            match &self.backend {
                Backend::Sqlite(sqlite) => sqlite.prepare().await,
                // In a place of its own: it takes more room than all that waits for it.
                Backend::Postgres(postgres) => Box::pin(postgres.prepare()).await,
            }
        });
        self.timely(async { prepared.await.copied() }).await
    }

    /// Records votes in one transaction: when this returns, they are on disk. Recording a vote again
    /// changes nothing.
    ///
    /// # Errors
    /// [`Error::Data`] when some vote can never be recorded; then none of them was.
    /// Anything else: try again later, the votes may or may not have been recorded.
    pub async fn record(&self, votes: &[Queued]) -> Result<Recorded, Error> {
        let rows = latest_per_voter(votes);
        if rows.is_empty() {
            return Ok(Recorded::default());
        }
        self.prepare().await?;
        let now_ms = now_ms();
        // In a place of its own: it takes more room than all that waits for it.
        let written = Box::pin(async {
            match &self.backend {
                Backend::Sqlite(sqlite) => sqlite.record(&rows, now_ms).await,
                Backend::Postgres(postgres) => postgres.record(&rows, now_ms).await,
            }
        });
        let written = self.timely(written).await?;
        Ok(Recorded {
            written,
            unchanged: (votes.len() as u64).saturating_sub(written),
        })
    }

    /// How many voters stand behind each choice, choices in alphabetical order.
    ///
    /// # Errors
    /// [`Error`] when the database does not say.
    pub async fn tally(&self) -> Result<Vec<(String, u64)>, Error> {
        self.tally_within(self.call_timeout).await
    }

    /// The same, which reads the whole ledger and may take as long as that takes, but no longer than `limit`.
    ///
    /// # Errors
    /// [`Error`] when the database does not say.
    pub async fn tally_within(&self, limit: Duration) -> Result<Vec<(String, u64)>, Error> {
        // In a place of its own: it takes more room than all that waits for it.
        let tally = Box::pin(async {
            self.prepare().await?;
            match &self.backend {
                Backend::Sqlite(sqlite) => sqlite.tally().await,
                Backend::Postgres(postgres) => postgres.tally(limit).await,
            }
        });
        let tally = tokio::time::timeout(limit, tally).await;
        let tally = tally.unwrap_or_else(|_| Err(too_late(limit)))?;
        Ok(tally
            .into_iter()
            .map(|(choice, votes)| (choice, votes.unsigned_abs()))
            .collect())
    }

    /// Every voter whose name starts with `voter_prefix`, with the id of the vote that stands, in
    /// the order of the voters' names: for an audit.
    ///
    /// # Errors
    /// [`Error`] when the database does not say, or holds an id that is none.
    pub async fn recorded(&self, voter_prefix: &str) -> Result<Vec<(String, Uuid)>, Error> {
        let standing = self.standing(voter_prefix).await?.into_iter();
        Ok(standing.map(|vote| (vote.voter, vote.vote_id)).collect())
    }

    /// As [`recorded`](Self::recorded), with what each voter chose.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub async fn standing(&self, voter_prefix: &str) -> Result<Vec<Standing>, Error> {
        self.prepare().await?;
        let rows = async {
            match &self.backend {
                Backend::Sqlite(sqlite) => sqlite.standing(voter_prefix).await,
                Backend::Postgres(postgres) => postgres.standing(voter_prefix).await,
            }
        };
        let rows = self.timely(rows).await?;
        rows.into_iter().map(standing_of).collect()
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error`] when there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        self.prepare().await?;
        self.timely(async {
            match &self.backend {
                Backend::Sqlite(sqlite) => sqlite.ping().await,
                Backend::Postgres(postgres) => postgres.ping().await,
            }
        })
        .await
    }

    /// Closes every connection, or lets go of those that the database does not give back within 2 s. For
    /// SQLite this also folds the write-ahead log into the file.
    pub async fn close(&self) {
        let close = async {
            match &self.backend {
                Backend::Sqlite(sqlite) => sqlite.close().await,
                Backend::Postgres(postgres) => postgres.close().await,
            }
        };
        // What is still open then ends with the process.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
    }

    async fn timely<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let answer = tokio::time::timeout(self.call_timeout, call).await;
        answer.unwrap_or_else(|_| Err(too_late(self.call_timeout)))
    }
}

fn too_late(limit: Duration) -> Error {
    Error::Away(format!("no answer within {} s", limit.as_secs_f64()))
}

/// A statement may touch each row only once. In the voters' order, so that two statements that touch the
/// same rows wait for each other instead of deadlocking.
fn latest_per_voter(votes: &[Queued]) -> Vec<Row<'_>> {
    let mut latest: Vec<&Queued> = votes.iter().collect();
    // Stable, which is fast where most are in order already: new voters' names are.
    latest.sort_by(|one, other| {
        let by_name = one.vote.voter.cmp(&other.vote.voter);
        by_name.then(other.position.cmp(&one.position))
    });
    latest.dedup_by(|earlier, latest| earlier.vote.voter == latest.vote.voter);
    latest.into_iter().map(row_of).collect()
}

fn row_of(Queued { vote, position }: &Queued) -> Row<'_> {
    Row {
        voter: &vote.voter,
        vote_id: vote.id.hyphenated().to_string(),
        choice: &vote.choice,
        cast_at_ms: vote.cast_at_ms().unwrap_or(position.taken_at_ms()),
        position: position.as_i64(),
    }
}

fn standing_of((voter, id, choice): StandingRow) -> Result<Standing, Error> {
    match Uuid::try_parse(&id) {
        Ok(vote_id) => Ok(Standing {
            voter,
            vote_id,
            choice,
        }),
        Err(error) => Err(Error::Open(format!(
            "voter {voter:?} has vote id {id:?}: {error}"
        ))),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
