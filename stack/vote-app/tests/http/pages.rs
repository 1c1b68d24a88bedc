//! The ballot, the results, and what is not there.

use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use voteops_queue::RESULTS_KEY;

use crate::stack::{Stack, queued};
use crate::{FORM, JSON, TestResult};

#[tokio::test]
async fn the_ballot_gives_a_name_and_its_form_votes_with_it() -> TestResult {
    let stack = Stack::start(|config| config.title = "Cats <or> dogs?".to_owned()).await?;
    let ballot = stack.get("/", "text/html").await?;
    let set_cookie = ballot.headers()[SET_COOKIE].to_str()?.to_owned();
    assert!(
        set_cookie.contains("HttpOnly") && set_cookie.contains("SameSite=Lax"),
        "{set_cookie}"
    );
    let cookie = set_cookie.split(';').next().unwrap_or_default().to_owned();
    let page = ballot.text().await?;
    for part in [
        "lang=\"en\"",
        "<fieldset>",
        "<legend><h1>Cats &lt;or&gt; dogs?",
        "type=\"submit\"",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert_eq!(page.matches("type=\"radio\"").count(), 2);
    assert!(!page.contains("<script"));

    let again = stack
        .client
        .get(stack.url("/"))
        .header(COOKIE, &cookie)
        .send()
        .await?;
    assert!(!again.headers().contains_key(SET_COOKIE));

    let vote = stack
        .client
        .post(stack.url("/vote"))
        .header(CONTENT_TYPE, FORM);
    let answer = vote
        .header(COOKIE, format!("a=b; {cookie}"))
        .body("choice=dogs")
        .send()
        .await?;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(answer.text().await?.contains("Dogs"));
    let enqueued = stack.enqueued().await?;
    assert_eq!(format!("voter={}", enqueued[0].voter), cookie);
    Ok(())
}

#[tokio::test]
async fn results_show_every_choice_and_come_from_the_cache_until_it_expires() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    stack
        .ledger
        .record(&[queued("ann", "dogs")?, queued("bob", "former")?])
        .await?;
    let results: Value = stack.get("/results", JSON).await?.json().await?;
    assert_eq!(results["total"], 2);
    let expected = json!([
        { "id": "cats", "label": "Cats", "votes": 0 },
        { "id": "dogs", "label": "Dogs", "votes": 1 },
        { "id": "former", "label": "former", "votes": 1 },
    ]);
    assert_eq!(results["choices"], expected);

    stack.ledger.record(&[queued("eve", "cats")?]).await?;
    let cached: Value = stack.get("/results", JSON).await?.json().await?;
    assert_eq!(cached, results);
    stack.redis.command(&[b"DEL", RESULTS_KEY.as_bytes()])?;
    let fresh: Value = stack.get("/results", JSON).await?.json().await?;
    assert_eq!(fresh["total"], 3);

    // What is in the cache but no tally is passed over.
    stack
        .redis
        .command(&[b"SET", RESULTS_KEY.as_bytes(), b"nonsense"])?;
    let fresh: Value = stack.get("/results", JSON).await?.json().await?;
    assert_eq!(fresh["total"], 3);
    let page = stack.get("/results", "text/html").await?.text().await?;
    assert!(
        page.contains("<h1>Cats or dogs?</h1>") && page.contains("3 votes"),
        "{page}"
    );
    Ok(())
}

#[tokio::test]
async fn what_programs_can_ask_is_served_as_it_is_committed() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let committed: Value = serde_json::from_str(include_str!("../../openapi.json"))?;
    let served: Value = stack.get("/openapi.json", JSON).await?.json().await?;
    assert_eq!(served, committed);
    for (path, methods) in committed["paths"].as_object().ok_or("paths")? {
        for method in methods.as_object().ok_or("methods")?.keys() {
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes())?;
            let answer = stack.client.request(method, stack.url(path)).send().await?;
            assert!(![404, 405].contains(&answer.status().as_u16()), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_clients_format() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let missing = stack.get("/nope?x=1", JSON).await?;
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.json::<Value>().await?["error"], "not_found");
    let page = stack.get("/vote", "text/html").await?;
    assert_eq!(page.status(), 405);
    assert!(page.text().await?.contains("Back to the ballot"));
    let unmatched = "{method=\"GET\",route=\"unmatched\",status=\"404\"}";
    let series = format!("http_request_duration_seconds_count{unmatched}");
    assert_eq!(stack.metric(&series).await?, 1);
    Ok(())
}
