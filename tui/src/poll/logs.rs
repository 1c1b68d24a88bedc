//! The task that asks for log lines, and follows them.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::sleep;
use voteops_observability::BackendError;
use voteops_observability::logs::{self, Excerpt, Feed, Live, LogSource};

use super::{backoff, refusal};
use crate::message::Message;
use crate::model::logs::{FIRST_LINES, LogNews, LogQuestion};
use crate::wanted::Wanted;

/// Answers the question about log lines that the screen asks, and follows it, until it changes.
pub(super) async fn follow(
    source: LogSource,
    refresh: Duration,
    messages: Sender<Message>,
    mut wanted: watch::Receiver<Wanted>,
) {
    loop {
        if wanted
            .wait_for(|wanted| wanted.logs.is_some())
            .await
            .is_err()
        {
            return;
        }
        let Some(question) = wanted.borrow_and_update().logs.clone() else {
            continue;
        };
        let mut changed = wanted.clone();
        let current = Some(question.clone());
        tokio::select! {
            ended = answer(&source, refresh, &messages, question) => if ended.is_err() { return },
            gone = changed.wait_for(|wanted| wanted.logs != current) => if gone.is_err() { return },
        }
    }
}

/// How a question is followed.
enum Following {
    /// By asking again and again.
    Asking(Box<Feed>),
    /// By Loki's tail, as far as there is one.
    Live(Box<Live>),
}

impl Following {
    fn new(source: &LogSource, question: &LogQuestion, feed: Feed) -> Self {
        match source {
            LogSource::Loki(loki) if question.end.is_none() => {
                let live = Live::new(loki.clone(), question.query.clone(), feed);
                Self::Live(Box::new(live))
            }
            _ => Self::Asking(Box::new(feed)),
        }
    }
}

/// The console does not listen any more.
struct Ended;

/// Answers one question; ends only when the console does.
async fn answer(
    source: &LogSource,
    refresh: Duration,
    messages: &Sender<Message>,
    question: LogQuestion,
) -> Result<(), Ended> {
    let send = async |news: LogNews| {
        let message = Message::Logs(question.clone(), news);
        messages.send(message).await.map_err(|_| Ended)
    };
    let mut following: Option<Following> = None;
    let mut way = None;
    let mut failures = 0;
    loop {
        let answer = match &mut following {
            None => begin(source, &question).await.map(|(feed, found)| {
                following = Some(Following::new(source, &question, feed));
                (LogNews::Begin(found), None)
            }),
            Some(Following::Asking(feed)) => {
                let lines = feed.next(logs::now_ns()).await;
                lines.map(|lines| (LogNews::More(lines), None))
            }
            Some(Following::Live(live)) => {
                let news = live.next(refresh).await;
                news.map(|news| (LogNews::More(news.lines), Some(news.way)))
            }
        };
        let wait = match answer {
            Ok((news, by)) => {
                failures = 0;
                send(news).await?;
                if by.is_some() && by != way {
                    way.clone_from(&by);
                    if let Some(by) = by {
                        tracing::info!(way = ?by, "log lines");
                        send(LogNews::By(by)).await?;
                    }
                }
                match &following {
                    // It waits for lines by itself.
                    Some(Following::Live(_)) => Duration::ZERO,
                    Some(Following::Asking(feed)) if feed.has_more() => Duration::ZERO,
                    _ => refresh,
                }
            }
            Err(error) => {
                failures += 1;
                let wait = backoff(failures, refresh);
                let next_try = Timestamp::now().checked_add(wait).ok();
                // A query that is refused would be refused again: it waits for another one.
                let refused = matches!(error, BackendError::Refused { .. });
                let next_try = next_try.filter(|_| !refused);
                send(LogNews::Failed(refusal(&error), next_try)).await?;
                if refused {
                    std::future::pending::<()>().await;
                }
                wait
            }
        };
        if question.end.is_some() && following.is_some() {
            std::future::pending::<()>().await;
        }
        sleep(wait).await;
    }
}

/// The lines of the window, and the feed that goes on from there.
async fn begin(
    source: &LogSource,
    question: &LogQuestion,
) -> Result<(Feed, Excerpt), BackendError> {
    let to_ns = question.end.map_or_else(logs::now_ns, |end| {
        i64::try_from(end.as_nanosecond()).unwrap_or(i64::MAX)
    });
    let span_ns = i64::try_from(question.span.as_nanos()).unwrap_or(i64::MAX);
    let from_ns = to_ns.saturating_sub(span_ns);
    let query = &question.query;
    let found = source.newest(query, from_ns, to_ns, FIRST_LINES).await?;
    // Of a cut beginning nothing more is asked: what follows goes on from its first line.
    let begin_ns = found.lines.first().map_or(to_ns, |line| line.at_ns);
    let begin_ns = begin_ns.max(to_ns.saturating_sub(OVERLAP_NS)).min(to_ns);
    let mut feed = Feed::new(source.clone(), query.clone(), begin_ns);
    feed.know(&found.lines);
    Ok((feed, found))
}

/// Lines that are written while the first question is answered may come before its end.
const OVERLAP_NS: i64 = 5_000_000_000;
