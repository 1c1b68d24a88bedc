//! Votes that are sent again.

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use voteops_queue::{Content, ONCE_PREFIX};

use crate::stack::{Stack, eventually};
use crate::{FORM, JSON, TestResult};

async fn send(
    stack: &Stack,
    key: &str,
    voter: &str,
    choice: &str,
) -> reqwest::Result<(u16, Value)> {
    let request = stack.client.post(stack.url("/vote"));
    let body = json!({ "voter": voter, "choice": choice }).to_string();
    let request = request.header(CONTENT_TYPE, JSON).body(body);
    let answer = request.header("Idempotency-Key", key).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

#[tokio::test]
async fn a_vote_sent_again_with_its_key_is_the_same_vote_on_every_instance() -> TestResult {
    let first = Stack::start(|_| ()).await?;
    let second = Stack::beside(&first).await?;
    let (status, told) = send(&first, "\"8e03978e\"", "ann", "cats").await?;
    assert_eq!(status, 202, "{told}");
    for stack in [&first, &second, &first] {
        // The draft has quotes, most clients do not.
        let again = send(stack, "8e03978e", "ann", "cats").await?;
        assert_eq!(again, (202, told.clone()));
    }
    let id = &told["vote_id"];
    let (_, other_voter) = send(&second, "8e03978e", "bob", "cats").await?;
    let (_, other_key) = send(&second, "8e03978f", "ann", "cats").await?;
    assert!(other_voter["vote_id"] != *id && other_key["vote_id"] != *id);

    let (status, told) = send(&second, "8e03978e", "ann", "dogs").await?;
    assert_eq!((status, &told["error"]), (422, &json!("key_reused")));
    let too_long = "k".repeat(129);
    for bad in ["", "\"\"", &too_long] {
        let (status, told) = send(&first, bad, "ann", "cats").await?;
        assert_eq!((status, &told["error"]), (422, &json!("invalid_fields")));
    }
    assert_eq!(first.enqueued().await?.len(), 3);
    let accepted = "votes_accepted_total{choice=\"cats\"}";
    let accepted = first.metric(accepted).await? + second.metric(accepted).await?;
    assert_eq!(accepted, 3);
    let repeated = first.metric("votes_repeated_total").await?;
    assert_eq!(repeated + second.metric("votes_repeated_total").await?, 3);
    Ok(())
}

/// What the voter reads as the vote's number.
fn number_on(page: &str) -> Option<&str> {
    page.split("<code>").nth(1)?.split("</code>").next()
}

#[tokio::test]
async fn a_page_sent_again_is_the_same_vote_and_one_with_another_choice_is_a_new_one() -> TestResult
{
    let first = Stack::start(|_| ()).await?;
    let second = Stack::beside(&first).await?;
    let ballot = first.get("/", "text/html").await?.text().await?;
    let page = ballot.split("name=\"page\" value=\"").nth(1);
    let page = page
        .and_then(|rest| rest.split('"').next())
        .ok_or("a page")?;
    let other = first.get("/", "text/html").await?.text().await?;
    assert!(!other.contains(page), "{page}");
    let send = async |stack: &Stack, choice: &str| -> Result<String, Box<dyn std::error::Error>> {
        let form = format!("page={page}&choice={choice}&voter=ann");
        let answer = stack.post(FORM, form).await?;
        assert_eq!(answer.status(), 202);
        let page = answer.text().await?;
        Ok(number_on(&page).ok_or("a number")?.to_owned())
    };
    let mut numbers = Vec::new();
    for choice in ["cats", "dogs", "cats"] {
        let number = send(&first, choice).await?;
        assert_eq!(send(&second, choice).await?, number);
        assert_eq!(send(&first, choice).await?, number);
        numbers.push(number);
    }
    let enqueued = first.enqueued().await?;
    let ids: Vec<_> = enqueued.iter().map(|vote| vote.id.to_string()).collect();
    assert_eq!(ids, numbers);
    let choices: Vec<_> = enqueued.iter().map(|vote| &*vote.choice).collect();
    assert_eq!(choices, ["cats", "dogs", "cats"]);
    let repeated = first.metric("votes_repeated_total").await?;
    assert_eq!(repeated + second.metric("votes_repeated_total").await?, 6);
    Ok(())
}

/// The keys under which votes are remembered, each with the milliseconds that it has left.
fn remembered(stack: &Stack) -> redis::RedisResult<Vec<(Vec<u8>, u64)>> {
    let pattern = format!("{ONCE_PREFIX}*");
    let keys = stack.redis.command(&[b"KEYS", pattern.as_bytes()])?;
    let keys: Vec<Vec<u8>> = redis::from_redis_value(keys)?;
    let left = |key: Vec<u8>| {
        let left_ms = stack.redis.command(&[b"PTTL", &key])?;
        Ok((key, redis::from_redis_value(left_ms)?))
    };
    keys.into_iter().map(left).collect()
}

#[tokio::test]
async fn votes_are_remembered_for_a_shorter_time_as_redis_fills() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    // So much that what connections take and give back does not matter.
    let padding = vec![b'x'; 32 << 20];
    stack.redis.command(&[b"SET", b"padding", &padding])?;
    let used = stack.queue.fill().await?.used_bytes;
    for (fill_percent, seconds) in [
        (40, 600..=600),
        (62, 20..=400),
        (85, 10..=10),
        (0, 600..=600),
    ] {
        // Votes are refused at 97 per cent of it; at none there is no limit.
        let limit = (used / 97 * 100 * 100)
            .checked_div(fill_percent)
            .unwrap_or(0);
        let limit = limit.to_string();
        let set: [&[u8]; 4] = [b"CONFIG", b"SET", b"maxmemory", limit.as_bytes()];
        stack.redis.command(&set)?;
        eventually("the memory is looked at", || async {
            let window = stack.metric("vote_app_idempotency_window_seconds").await;
            window.is_ok_and(|window| seconds.contains(&window))
        })
        .await?;
        let (status, told) = send(&stack, "key", "ann", "cats").await?;
        assert_eq!(status, 202, "{told}");
        let form = stack.post(FORM, "page=p1&choice=cats&voter=ann").await?;
        assert_eq!(form.status(), 202);
        let remembered = remembered(&stack)?;
        assert_eq!(remembered.len(), 2);
        for (key, left_ms) in remembered {
            assert!(left_ms <= seconds.end() * 1000, "{left_ms}");
            assert!(left_ms > seconds.start() * 500, "{left_ms}");
            stack.redis.command(&[b"DEL", &key])?;
        }
    }
    Ok(())
}

/// Votes of two voters with three keys, each sent to one of two instances; a key stands for one choice.
#[test]
fn whatever_is_repeated_where_each_key_is_one_vote_and_the_last_new_one_stands() -> TestResult {
    let runtime = tokio::runtime::Runtime::new()?;
    let stacks = runtime.block_on(async {
        let first = Stack::start(|_| ()).await?;
        let second = Stack::beside(&first).await?;
        Ok::<_, Box<dyn std::error::Error>>([first, second])
    })?;
    let sends = prop::collection::vec((0..2_usize, 0..3_usize, 0..2_usize), 1..12);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    runner.run(&(sends, any::<u64>()), |(sends, run)| {
        let fail = |error: &dyn std::fmt::Display| TestCaseError::fail(error.to_string());
        let mut expected: Vec<(String, String)> = Vec::new();
        runtime.block_on(async {
            for (voter, key, instance) in sends {
                let (voter, choice) = (format!("{run}-{voter}"), ["cats", "dogs"][key % 2]);
                let sent = send(&stacks[instance], &format!("k{key}"), &voter, choice).await;
                let (status, told) = sent.map_err(|error| fail(&error))?;
                prop_assert_eq!(status, 202);
                let vote = (voter, told["vote_id"].to_string());
                if !expected.contains(&vote) {
                    expected.push(vote);
                }
            }
            let entries = stacks[0].queue.reader("test").read(100).await;
            let entries = entries.map_err(|error| fail(&error))?;
            let done = stacks[0].queue.acknowledge(&entries).await;
            done.map_err(|error| fail(&error))?;
            let ours = entries.into_iter().filter_map(|entry| match entry.content {
                Content::Vote(vote) => Some(vote),
                Content::Poison(_) | Content::Deleted => None,
            });
            let found: Vec<_> = ours
                .map(|vote| (vote.voter, json!(vote.id).to_string()))
                .collect();
            prop_assert_eq!(found, expected);
            Ok(())
        })
    })?;
    Ok(())
}
