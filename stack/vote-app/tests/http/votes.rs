//! Votes taken and refused.

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};

use crate::stack::Stack;
use crate::{FORM, JSON, TestResult};

#[tokio::test]
async fn a_json_vote_is_in_the_queue_when_it_is_answered() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let answer = stack
        .post(JSON, r#"{"choice":"cats","voter":"ann","more":1}"#)
        .await?;
    assert_eq!(answer.status(), 202);
    let told: Value = answer.json().await?;
    let enqueued = stack.enqueued().await?;
    assert_eq!(enqueued.len(), 1);
    let vote = &enqueued[0];
    assert_eq!(
        told,
        json!({ "vote_id": vote.id, "voter": vote.voter, "choice": vote.choice })
    );
    assert_eq!((&*vote.voter, &*vote.choice), ("ann", "cats"));
    assert_eq!(
        stack
            .metric("votes_accepted_total{choice=\"cats\"}")
            .await?,
        1
    );
    assert_eq!(
        stack
            .metric("votes_accepted_total{choice=\"dogs\"}")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_voter_in_the_body_goes_before_the_cookie_and_a_form_may_want_json() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let vote = stack
        .client
        .post(stack.url("/vote"))
        .header(CONTENT_TYPE, FORM);
    let vote = vote.header(COOKIE, "voter=cookie").header(ACCEPT, JSON);
    let answer = vote.body("choice=cats&voter=body").send().await?;
    assert_eq!(answer.json::<Value>().await?["voter"], "body");
    Ok(())
}

#[tokio::test]
async fn what_is_no_vote_is_refused_counted_and_not_enqueued() -> TestResult {
    let stack = Stack::start(|config| config.max_body_bytes = 100).await?;
    let long = format!(r#"{{"choice":"cats","voter":"{}"}}"#, "x".repeat(100));
    let cases: [(&str, &str, u16, &str); 16] = [
        (JSON, "", 400, "empty_body"),
        (JSON, "{", 400, "invalid_json"),
        (JSON, "\"cats\"", 422, "invalid_fields"),
        (JSON, r#"{"choice":1,"voter":"ann"}"#, 422, "invalid_fields"),
        (JSON, r#"{"voter":"ann"}"#, 422, "missing_choice"),
        (
            JSON,
            r#"{"choice":"","voter":"ann"}"#,
            422,
            "missing_choice",
        ),
        (
            JSON,
            r#"{"choice":"cows","voter":"ann"}"#,
            422,
            "unknown_choice",
        ),
        (JSON, r#"{"choice":"cats"}"#, 422, "missing_voter"),
        (
            JSON,
            r#"{"choice":"cats","voter":""}"#,
            422,
            "invalid_voter",
        ),
        (
            JSON,
            r#"{"choice":"cats","voter":"a\u0000b"}"#,
            422,
            "invalid_voter",
        ),
        (JSON, &long, 413, "body_too_large"),
        (FORM, "voter=ann", 422, "missing_choice"),
        (
            FORM,
            "choice=cats&choice=dogs&voter=ann",
            422,
            "invalid_fields",
        ),
        (FORM, "choice=cats&voter=%FF", 422, "invalid_voter"),
        ("text/plain", "choice=cats", 415, "unsupported_media_type"),
        ("", "choice=cats", 415, "unsupported_media_type"),
    ];
    for (kind, body, status, reason) in cases {
        let series = format!("votes_rejected_total{{reason=\"{reason}\"}}");
        let before = stack.metric(&series).await?;
        let answer = stack
            .client
            .post(stack.url("/vote"))
            .header(CONTENT_TYPE, kind);
        let answer = answer
            .header(ACCEPT, JSON)
            .body(body.to_owned())
            .send()
            .await?;
        assert_eq!(answer.status(), status, "{body}");
        let told: Value = answer.json().await?;
        assert_eq!(told["error"], reason, "{body}");
        assert!(
            told["message"]
                .as_str()
                .is_some_and(|message| message.len() > 10),
            "{told}"
        );
        assert_eq!(stack.metric(&series).await?, before + 1, "{reason}");
    }
    let page = stack.post(FORM, "choice=cows&voter=ann").await?;
    assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(page.text().await?.contains("role=\"alert\""));

    assert_eq!(stack.queue.length().await?, 0);
    assert_eq!(
        stack
            .metric("votes_accepted_total{choice=\"cats\"}")
            .await?,
        0
    );
    let too_large = "{method=\"POST\",route=\"/vote\",status=\"413\"}";
    let series = format!("http_request_duration_seconds_count{too_large}");
    assert_eq!(stack.metric(&series).await?, 1);
    Ok(())
}
