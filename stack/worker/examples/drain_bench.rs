//! How fast a worker takes a queue into the ledger, beside what bounds it: the queue without a
//! ledger, the ledger without a queue, and what each database does at its best with the same rows.
//!
//! `drain_bench WORKER VOTES postgres|sqlite` starts servers of its own and prints one JSON object,
//! of seconds by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::time::sleep;
use uuid::{NoContext, Timestamp, Uuid};
use voteops_ledger::Ledger;
use voteops_ledger::test_support::PostgresServer;
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Content, Position, Queue, Queued, STREAM, Vote};

/// Votes recorded at once, by the worker as by what it is compared with.
const BATCH: usize = 1000;
/// Votes put into the stream at once.
const FILLED_AT_ONCE: usize = 10_000;
/// When the votes were taken, in milliseconds since the Unix epoch.
const CAST_AT_MS: u64 = 1_700_000_000_000;
/// What the ledger has SQLite do otherwise than it does by itself, for whom it is compared with.
const LEDGERS_OWN: [(&str, i32); 1] = [("wal_autocheckpoint", 8 * 1024)];
/// How often to look whether the queue is empty.
const LOOK: Duration = Duration::from_millis(20);

type Failure = Box<dyn std::error::Error>;
type Seconds = BTreeMap<&'static str, f64>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (Some(worker), Some(votes), Some(ledger)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: drain_bench WORKER VOTES postgres|sqlite".into());
    };
    let votes = cast(votes.parse()?)?;
    let redis = RedisServer::start()?;
    let bench = Bench {
        queue: Queue::connect(&redis.url())?,
        redis,
        worker,
        votes,
    };
    let seconds = match ledger.as_str() {
        "postgres" => bench.postgres().await?,
        "sqlite" => bench.sqlite().await?,
        other => return Err(format!("no ledger {other:?}; there are postgres and sqlite").into()),
    };
    println!("{}", serde_json::to_string(&seconds)?);
    Ok(())
}

/// Each by a voter of its own.
fn cast(count: usize) -> Result<Vec<Queued>, Failure> {
    let votes = (0..count).map(|number| {
        // Named as the ballot names them, of whom five come in a millisecond.
        let came = Duration::from_millis(CAST_AT_MS + u64::try_from(number / 5)?);
        let came = Timestamp::from_unix(NoContext, came.as_secs(), came.subsec_nanos());
        let voter = Uuid::new_v7(came).to_string();
        let vote = Vote::cast(&voter, if number % 3 == 0 { "dogs" } else { "cats" })?;
        let position = Position::new(CAST_AT_MS, u64::try_from(number)?);
        Ok(Queued { vote, position })
    });
    votes.collect()
}

struct Bench {
    redis: RedisServer,
    queue: Queue,
    worker: String,
    votes: Vec<Queued>,
}

impl Bench {
    async fn postgres(&self) -> Result<Seconds, Failure> {
        let server = PostgresServer::start_durable()?;
        let ledger = Ledger::connect(&server.url())?;
        ledger.prepare().await?;
        let mut database = PgConnection::connect(&server.url()).await?;
        let mut seconds = Seconds::new();
        seconds.insert("peer", self.copied(&mut database).await?);
        sqlx::query("TRUNCATE votes").execute(&mut database).await?;
        seconds.insert("ledger", self.recorded(&ledger).await?);
        sqlx::query("TRUNCATE votes").execute(&mut database).await?;
        self.fill().await?;
        seconds.insert("queue", self.unrecorded().await?);
        for (name, workers) in [("one", 1), ("two", 2)] {
            self.fill().await?;
            seconds.insert(name, self.drained(&server.url(), workers).await?);
            self.all_are_in(&server.url()).await?;
            sqlx::query("TRUNCATE votes").execute(&mut database).await?;
        }
        Ok(seconds)
    }

    async fn sqlite(&self) -> Result<Seconds, Failure> {
        let dir = TempDir::new()?;
        let url = |name: &str| format!("sqlite://{}/{name}.db", dir.path().display());
        let ledger = Ledger::connect(&url("ledger"))?;
        ledger.prepare().await?;
        let mut seconds = Seconds::new();
        seconds.insert("ledger", self.recorded(&ledger).await?);
        ledger.close().await;
        for (name, settings) in [("peer", &[][..]), ("peer_set_alike", &LEDGERS_OWN)] {
            let peer = Ledger::connect(&url(name))?;
            peer.prepare().await?;
            peer.close().await;
            let path = dir.path().join(format!("{name}.db"));
            seconds.insert(name, self.upserted(&path, settings)?);
        }
        self.fill().await?;
        seconds.insert("queue", self.unrecorded().await?);
        self.fill().await?;
        seconds.insert("one", self.drained(&url("one"), 1).await?);
        self.all_are_in(&url("one")).await?;
        Ok(seconds)
    }

    async fn fill(&self) -> Result<(), Failure> {
        let client = redis::Client::open(self.redis.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        for votes in self.votes.chunks(FILLED_AT_ONCE) {
            let mut all = redis::pipe();
            for Queued { vote, .. } in votes {
                let add = all.cmd("XADD").arg(STREAM).arg("*");
                add.arg("id").arg(vote.id.to_string());
                add.arg("voter").arg(&vote.voter);
                add.arg("choice").arg(&vote.choice).ignore();
            }
            all.exec_async(&mut connection).await?;
        }
        Ok(())
    }

    /// The queue's part: read, acknowledge, delete.
    async fn unrecorded(&self) -> Result<f64, Failure> {
        let mut reader = self.queue.reader("bench");
        let (started, mut read) = (Instant::now(), 0);
        while read < self.votes.len() {
            let entries = reader.read(BATCH).await?;
            let votes = entries
                .iter()
                .filter(|entry| matches!(entry.content, Content::Vote(_)));
            read += votes.count();
            self.queue.acknowledge(&entries).await?;
        }
        let took_s = started.elapsed().as_secs_f64();
        reader.leave().await?;
        Ok(took_s)
    }

    /// The ledger's part.
    async fn recorded(&self, ledger: &Ledger) -> Result<f64, Failure> {
        let started = Instant::now();
        for votes in self.votes.chunks(BATCH) {
            ledger.record(votes).await?;
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// All rows in one statement that knows no voter who votes again.
    async fn copied(&self, database: &mut PgConnection) -> Result<f64, Failure> {
        let rows: String = self.votes.iter().map(line).collect();
        let started = Instant::now();
        let mut copy = database.copy_in_raw("COPY votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms) FROM STDIN").await?;
        copy.send(rows.into_bytes()).await?;
        copy.finish().await?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// One prepared statement for each vote, without a thread or a pool between.
    fn upserted(&self, path: &Path, settings: &[(&str, i32)]) -> Result<f64, Failure> {
        let mut database = rusqlite::Connection::open(path)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        for (name, value) in settings {
            database.pragma_update(None, name, value)?;
        }
        let started = Instant::now();
        for votes in self.votes.chunks(BATCH) {
            let transaction = database.transaction()?;
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (voter) DO UPDATE SET
                vote_id = excluded.vote_id, choice = excluded.choice, position = excluded.position,
                cast_at_ms = excluded.cast_at_ms, recorded_at_ms = excluded.recorded_at_ms
                WHERE excluded.position > votes.position",
            )?;
            for Queued { vote, position } in votes {
                let at_ms = position.taken_at_ms();
                let id = vote.id.to_string();
                upsert.execute((
                    &vote.voter,
                    id,
                    &vote.choice,
                    at_ms,
                    position.as_i64(),
                    at_ms,
                ))?;
            }
            drop(upsert);
            transaction.commit()?;
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// Real workers, from their start until nothing is left.
    async fn drained(&self, ledger_url: &str, workers: usize) -> Result<f64, Failure> {
        let started = Instant::now();
        let workers = (0..workers).map(|number| self.spawn(ledger_url, number));
        let mut workers = workers.collect::<Result<Vec<_>, _>>()?;
        while self.queue.length().await? > 0 {
            sleep(LOOK).await;
        }
        let took_s = started.elapsed().as_secs_f64();
        for worker in &mut workers {
            worker.kill()?;
            worker.wait()?;
        }
        Ok(took_s)
    }

    fn spawn(&self, ledger_url: &str, number: usize) -> Result<Child, Failure> {
        let worker = Command::new(&self.worker)
            .args(["--listen", "127.0.0.1:0", "--log-level", "warn"])
            .args(["--redis-url", &self.redis.url()])
            .args(["--ledger-url", ledger_url])
            .args(["--instance", &format!("bench-{number}")])
            .args(["--batch-size", &BATCH.to_string()])
            .stdout(Stdio::null())
            .spawn()?;
        Ok(worker)
    }

    async fn all_are_in(&self, ledger_url: &str) -> Result<(), Failure> {
        let ledger = Ledger::connect(ledger_url)?;
        let counted: u64 = ledger.tally().await?.iter().map(|(_, votes)| votes).sum();
        ledger.close().await;
        if usize::try_from(counted)? != self.votes.len() {
            return Err(format!("{counted} of {} votes are recorded", self.votes.len()).into());
        }
        Ok(())
    }
}

/// A row in COPY's text format.
fn line(Queued { vote, position }: &Queued) -> String {
    let (at_ms, position) = (position.taken_at_ms(), position.as_i64());
    let Vote { id, voter, choice } = vote;
    format!("{voter}\t{id}\t{choice}\t{at_ms}\t{position}\t{at_ms}\n")
}
