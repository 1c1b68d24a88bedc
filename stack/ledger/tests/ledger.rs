//! The ledger on SQLite and on a real PostgreSQL server: the same expectations of both.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use uuid::Uuid;
use voteops_ledger::test_support::PostgresServer;
use voteops_ledger::{Error, Ledger, Recorded};
use voteops_queue::{InvalidVote, Position, Queued, Vote};

type TestResult = Result<(), Box<dyn StdError>>;

/// A vote that Redis took after all those before it.
fn vote(voter: &str, choice: &str) -> Result<Queued, InvalidVote> {
    static TAKEN: AtomicU64 = AtomicU64::new(1);
    Ok(Queued {
        vote: Vote::cast(voter, choice)?,
        position: Position::new(1_700_000_000_000, TAKEN.fetch_add(1, Ordering::Relaxed)),
    })
}

/// An empty ledger in a file of its own.
struct SqliteLedger {
    ledger: Ledger,
    dir: tempfile::TempDir,
}

impl SqliteLedger {
    fn new() -> Result<Self, Box<dyn StdError>> {
        let dir = tempfile::tempdir()?;
        let ledger = Ledger::connect(&url_in(&dir))?;
        Ok(Self { ledger, dir })
    }
}

fn url_in(dir: &tempfile::TempDir) -> String {
    format!("sqlite://{}", dir.path().join("votes.db").display())
}

async fn the_latest_vote_of_a_voter_stands(ledger: &Ledger) -> TestResult {
    let (first, second) = (vote("ann", "cats")?, vote("ann", "dogs")?);
    let other = vote("bob", "cats")?;

    let recorded = ledger
        .record(&[second.clone(), first.clone(), other.clone()])
        .await?;
    assert_eq!(
        recorded,
        Recorded {
            written: 2,
            unchanged: 1
        }
    );
    let expected = [("cats".to_owned(), 1), ("dogs".to_owned(), 1)];
    assert_eq!(ledger.tally().await?, expected);

    let again = ledger
        .record(&[first.clone(), second.clone(), other.clone()])
        .await?;
    assert_eq!(
        again,
        Recorded {
            written: 0,
            unchanged: 3
        }
    );
    assert_eq!(ledger.tally().await?, expected);

    let third = vote("ann", "cats")?;
    let changed = ledger.record(std::slice::from_ref(&third)).await?;
    assert_eq!(
        changed,
        Recorded {
            written: 1,
            unchanged: 0
        }
    );
    let standing = [
        ("ann".to_owned(), third.vote.id),
        ("bob".to_owned(), other.vote.id),
    ];
    assert_eq!(ledger.recorded("").await?, standing);
    assert_eq!(ledger.record(&[]).await?, Recorded::default());
    Ok(())
}

/// Two vote apps with clocks a day apart: ids tell the order of their clocks, positions that of Redis.
async fn the_order_is_that_of_redis_whatever_clocks_say(ledger: &Ledger) -> TestResult {
    let (mut first, mut second) = (vote("skew", "cats")?, vote("skew", "dogs")?);
    std::mem::swap(&mut first.vote.id, &mut second.vote.id);
    assert!(first.vote.id > second.vote.id && first.position < second.position);
    for order in [[&first, &second], [&second, &first]] {
        for queued in order {
            ledger.record(std::slice::from_ref(queued)).await?;
        }
        let standing = [("skew".to_owned(), second.vote.id)];
        assert_eq!(ledger.recorded("skew").await?, standing);
    }
    assert_eq!(ledger.record(&[first, second]).await?.written, 0);
    Ok(())
}

async fn a_prefix_is_taken_literally(ledger: &Ledger) -> TestResult {
    for voter in ["p%_é-1", "p%_é-2", "P%_é-3", "pxxé-4", "q"] {
        ledger.record(&[vote(voter, "cats")?]).await?;
    }
    let found = ledger.recorded("p%_é-").await?;
    let voters: Vec<_> = found.iter().map(|(voter, _)| voter.as_str()).collect();
    assert_eq!(voters, ["p%_é-1", "p%_é-2"]);
    Ok(())
}

async fn one_impossible_vote_spoils_its_batch_and_nothing_else(ledger: &Ledger) -> TestResult {
    let first = vote("spoil-1", "cats")?;
    ledger.record(std::slice::from_ref(&first)).await?;
    // The id of another voter's vote.
    let mut impossible = vote("spoil-2", "cats")?;
    impossible.vote.id = first.vote.id;
    let innocent = vote("spoil-3", "cats")?;

    let error = ledger.record(&[innocent.clone(), impossible]).await;
    assert!(error.as_ref().is_err_and(Error::is_permanent), "{error:?}");
    assert_eq!(
        ledger.recorded("spoil-").await?,
        [("spoil-1".to_owned(), first.vote.id)]
    );
    assert_eq!(ledger.record(&[innocent]).await?.written, 1);
    Ok(())
}

/// Whatever a ledger makes of who has voted lately, it is the same to it.
async fn batches_of_new_voters_and_of_old_ones_come_in_turn(ledger: &Ledger) -> TestResult {
    const BATCH: usize = 50;
    let mut standing = BTreeMap::new();
    // In every tenth batch all have voted before, in the one after it one has. Those between are enough
    // for a ledger to expect new voters.
    for number in 0..30_i32 {
        let mut batch = Vec::new();
        for n in 0..BATCH {
            let came_first_in = match number % 10 {
                9 => number - 1,
                0 if n == 7 => i32::max(number - 2, 0),
                _ => number,
            };
            let vote = vote(&format!("turn-{came_first_in}-{n}"), "cats")?;
            standing.insert(vote.vote.voter.clone(), vote.vote.id);
            batch.push(vote);
        }
        let recorded = ledger.record(&batch).await?;
        assert_eq!((recorded.written, recorded.unchanged), (50, 0), "{number}");
        if number % 10 == 9 {
            let again = ledger.record(&batch[..40]).await?;
            assert_eq!((again.written, again.unchanged), (0, 40), "{number}");
        }
    }
    let seen: BTreeMap<String, Uuid> = ledger.recorded("turn-").await?.into_iter().collect();
    assert_eq!(seen, standing);
    Ok(())
}

async fn workers_at_once_agree(ledger: &Ledger) -> TestResult {
    let votes: Vec<Queued> = (0..400)
        .map(|n| vote(&format!("crowd-{}", n % 40), "cats"))
        .collect::<Result<_, _>>()?;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let (ledger, mut votes) = (ledger.clone(), votes.clone());
            votes.rotate_left(task * 97);
            tokio::spawn(async move {
                let mut written = 0;
                for batch in votes.chunks(50) {
                    written += ledger.record(batch).await?.written;
                }
                Ok::<_, Error>(written)
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let standing: BTreeMap<String, Uuid> = ledger.recorded("crowd-").await?.into_iter().collect();
    let expected: BTreeMap<String, Uuid> = votes
        .into_iter()
        .map(|Queued { vote, .. }| (vote.voter, vote.id))
        .collect();
    assert_eq!(standing, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_ledger() -> TestResult {
    let sqlite = SqliteLedger::new()?;
    the_latest_vote_of_a_voter_stands(&sqlite.ledger).await?;
    the_order_is_that_of_redis_whatever_clocks_say(&sqlite.ledger).await?;
    a_prefix_is_taken_literally(&sqlite.ledger).await?;
    one_impossible_vote_spoils_its_batch_and_nothing_else(&sqlite.ledger).await?;
    batches_of_new_voters_and_of_old_ones_come_in_turn(&sqlite.ledger).await?;
    workers_at_once_agree(&sqlite.ledger).await?;
    sqlite.ledger.ping().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_ledger() -> TestResult {
    let server = PostgresServer::start()?;
    let ledger = Ledger::connect(&server.url())?;
    the_latest_vote_of_a_voter_stands(&ledger).await?;
    the_order_is_that_of_redis_whatever_clocks_say(&ledger).await?;
    a_prefix_is_taken_literally(&ledger).await?;
    one_impossible_vote_spoils_its_batch_and_nothing_else(&ledger).await?;
    batches_of_new_voters_and_of_old_ones_come_in_turn(&ledger).await?;
    workers_at_once_agree(&ledger).await?;
    ledger.ping().await?;

    let late = Ledger::connect(&server.url())?;
    drop(server);
    let error = ledger.record(&[vote("ann", "cats")?]).await;
    assert!(matches!(error, Err(Error::Away(_))), "{error:?}");
    assert!(matches!(late.prepare().await, Err(Error::Away(_))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_services_may_start_at_once_on_nothing() -> TestResult {
    for _ in 0..10 {
        let dir = tempfile::tempdir()?;
        let starts: Vec<_> = (0..8)
            .map(|n| {
                let url = url_in(&dir);
                tokio::spawn(async move {
                    let ledger = Ledger::connect(&url)?;
                    let vote = vote(&format!("v{n}"), "cats")
                        .map_err(|error| Error::Data(error.to_string()))?;
                    ledger.record(&[vote]).await
                })
            })
            .collect();
        for start in starts {
            assert_eq!(start.await??.written, 1);
        }
        assert_eq!(
            Ledger::connect(&url_in(&dir))?.recorded("v").await?.len(),
            8
        );
    }
    Ok(())
}

/// A ledger as the version before positions left it, which then goes on writing to it.
#[tokio::test]
async fn an_older_ledger_is_brought_up_to_date_while_its_workers_still_write() -> TestResult {
    const OLD_UPSERT: &str = "
        INSERT INTO votes (voter, vote_id, choice, cast_at_ms, recorded_at_ms)
        VALUES ($1, $2, 'cats', 0, 0)
        ON CONFLICT (voter) DO UPDATE SET vote_id = excluded.vote_id, choice = excluded.choice
        WHERE excluded.vote_id > votes.vote_id";
    let server = PostgresServer::start()?;
    let ledger = Ledger::connect(&server.url())?;
    ledger.prepare().await?;
    let old = sqlx::PgPool::connect(&server.url()).await?;
    for undo in [
        "ALTER TABLE votes DROP COLUMN position",
        "DELETE FROM _sqlx_migrations WHERE version > 1",
    ] {
        sqlx::query(undo).execute(&old).await?;
    }
    let before = vote("ann", "dogs")?;
    let cast = async |queued: &Queued| {
        let id = queued.vote.id.to_string();
        let insert = sqlx::query(OLD_UPSERT).bind(&queued.vote.voter).bind(id);
        insert.execute(&old).await.map(|done| done.rows_affected())
    };
    assert_eq!(cast(&before).await?, 1);

    let new = Ledger::connect(&server.url())?;
    let (second, third) = (vote("ann", "cats")?, vote("ann", "cats")?);
    assert_eq!(new.record(std::slice::from_ref(&second)).await?.written, 1);
    assert_eq!(cast(&third).await?, 1);
    assert_eq!(cast(&vote("bob", "cats")?).await?, 1);
    assert_eq!(new.recorded("ann").await?[0].1, third.vote.id);
    assert_eq!(new.record(&[vote("bob", "dogs")?]).await?.written, 1);
    Ok(())
}

/// A service that starts again after its successor changed the ledger has to take part as before.
#[tokio::test]
async fn a_ledger_of_a_later_version_is_written_to_as_well() -> TestResult {
    const LATER: &str = "
        INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (99, 'later', true, $1, 0)";
    let checksum = [0_u8; 48].as_slice();
    let dir = tempfile::tempdir()?;
    Ledger::connect(&url_in(&dir))?.prepare().await?;
    let file = sqlx::SqlitePool::connect(&url_in(&dir)).await?;
    sqlx::query(LATER).bind(checksum).execute(&file).await?;

    let server = PostgresServer::start()?;
    Ledger::connect(&server.url())?.prepare().await?;
    let pool = sqlx::PgPool::connect(&server.url()).await?;
    sqlx::query(LATER).bind(checksum).execute(&pool).await?;

    for url in [url_in(&dir), server.url()] {
        let again = Ledger::connect(&url)?;
        assert_eq!(again.record(&[vote("ann", "cats")?]).await?.written, 1);
    }
    Ok(())
}

/// Names of voters would be refused one by one, and their votes end among the dead letters.
#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused() -> TestResult {
    let server = PostgresServer::start()?;
    let pool = sqlx::PgPool::connect(&server.url()).await?;
    for (name, encoding) in [("few", "LATIN1"), ("every", "UTF8")] {
        let create =
            format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create))
            .execute(&pool)
            .await?;
        let url = server.url();
        let (at, _) = url.rsplit_once('/').ok_or("no database in the URL")?;
        let prepared = Ledger::connect(&format!("{at}/{name}"))?.prepare().await;
        match prepared {
            Ok(()) => assert_eq!(name, "every"),
            Err(Error::Open(reason)) => {
                assert_eq!(name, "few");
                assert!(
                    reason.contains("LATIN1") && reason.contains("UTF8"),
                    "{reason}"
                );
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_closed_ledger_has_everything_in_its_file() -> TestResult {
    let SqliteLedger { ledger, dir } = SqliteLedger::new()?;
    ledger.record(&[vote("ann", "cats")?]).await?;
    ledger.close().await;
    let reopened = Ledger::connect(&url_in(&dir))?;
    assert_eq!(reopened.tally().await?, [("cats".to_owned(), 1)]);
    Ok(())
}

#[tokio::test]
async fn unusable_places_are_named() -> TestResult {
    for url in [
        "sqlite:",
        "sqlite::memory:",
        "sqlite://a?mode=ro",
        "mysql://a/b",
        "votes.db",
    ] {
        assert!(matches!(Ledger::connect(url), Err(Error::Url(_))), "{url}");
    }
    let missing = Ledger::connect("sqlite:///nowhere/votes.db")?
        .prepare()
        .await;
    let message = missing.err().ok_or("prepared")?.to_string();
    assert!(
        message.contains("/nowhere/votes.db: No such file"),
        "{message}"
    );

    let dir = tempfile::tempdir()?;
    std::fs::write(
        dir.path().join("votes.db"),
        "This is a diary, not a database.".repeat(99),
    )?;
    let error = Ledger::connect(&url_in(&dir))?.prepare().await;
    assert!(matches!(error, Err(Error::Open(_))), "{error:?}");
    Ok(())
}

/// Votes of a few voters, and an order in which to record them in which each comes at least once.
fn shuffled() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    prop::collection::vec(0..5_usize, 1..20).prop_flat_map(|voters| {
        let indices: Vec<usize> = (0..voters.len()).collect();
        let extra = prop::collection::vec(0..voters.len(), 0..20);
        let order = extra
            .prop_flat_map(move |extra| Just([indices.clone(), extra].concat()).prop_shuffle());
        (Just(voters), order)
    })
}

fn any_order_comes_to_the_same(url: &str, cases: u32) -> TestResult {
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let ledger = Ledger::connect(url)?;
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    runner.run(
        &(shuffled(), 1..8_usize),
        |((voters, order), batch_size)| {
            let fail = |error: &dyn StdError| TestCaseError::fail(error.to_string());
            let run = Uuid::new_v4();
            let votes: Vec<Queued> = voters
                .iter()
                .map(|voter| vote(&format!("{run}-{voter}"), "cats"))
                .collect::<Result<_, _>>()
                .map_err(|error| fail(&error))?;
            let expected: BTreeMap<String, Uuid> = votes
                .iter()
                .map(|Queued { vote, .. }| (vote.voter.clone(), vote.id))
                .collect();
            let arrivals: Vec<Queued> = order.iter().map(|index| votes[*index].clone()).collect();
            let standing = runtime.block_on(async {
                for batch in arrivals.chunks(batch_size) {
                    ledger.record(batch).await?;
                }
                ledger.recorded(&format!("{run}-")).await
            });
            let standing = standing.map_err(|error| fail(&error))?;
            prop_assert_eq!(standing.into_iter().collect::<BTreeMap<_, _>>(), expected);
            Ok(())
        },
    )?;
    Ok(())
}

#[test]
fn in_any_order_and_number_the_latest_votes_stand_in_sqlite() -> TestResult {
    let dir = tempfile::tempdir()?;
    any_order_comes_to_the_same(&url_in(&dir), 128)
}

#[test]
fn in_any_order_and_number_the_latest_votes_stand_in_postgres() -> TestResult {
    let server = PostgresServer::start()?;
    any_order_comes_to_the_same(&server.url(), 128)
}
