//! What makes the vote app safe to expose: headers, cookies, forged votes, request ids.

use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, HeaderValue,
    ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use serde_json::Value;
use voteops_vote_app::PublicUrl;

use crate::stack::Stack;
use crate::{FORM, JSON, TestResult};

const HTML: &str = "text/html";
const REQUEST_ID: &str = "x-request-id";

#[tokio::test]
async fn every_answer_has_strict_headers_and_a_request_id() -> TestResult {
    let mut stack = Stack::start(|_| ()).await?;
    let mut answers = Vec::new();
    for path in [
        "/",
        "/results",
        "/results/live",
        "/vote",
        "/nope",
        "/static/0/page.css",
        "/static/0/nope",
        "/metrics",
        "/healthz",
        "/readyz",
    ] {
        for accept in [HTML, JSON] {
            answers.push((path, stack.get(path, accept).await?));
        }
    }
    answers.push(("form", stack.post(FORM, "choice=cats&voter=ann").await?));
    answers.push(("json", stack.post(JSON, "{").await?));
    stack.redis.kill()?;
    answers.push(("away", stack.post(FORM, "choice=cats&voter=ann").await?));
    for (what, answer) in answers {
        let headers = answer.headers();
        let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let policy = headers[CONTENT_SECURITY_POLICY].to_str()?;
        assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{what}");
        assert_eq!(headers[REFERRER_POLICY], "same-origin", "{what}");
        for same_origin in ["cross-origin-resource-policy", "cross-origin-opener-policy"] {
            assert_eq!(told(same_origin), Some("same-origin"), "{what}");
        }
        assert!(headers.contains_key(CACHE_CONTROL), "{what}");
        assert!(told(REQUEST_ID).is_some_and(|id| id.len() == 32), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn what_pages_are_made_of_is_kept_while_it_is_the_same() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let page = stack.get("/results", HTML).await?.text().await?;
    let addresses: Vec<_> = page
        .split('"')
        .filter(|part| part.starts_with("/static/"))
        .collect();
    assert_eq!(addresses.len(), 3, "{page}");
    for address in addresses {
        let answer = stack.get(address, "*/*").await?;
        assert_eq!(answer.status(), 200, "{address}");
        let cache = answer.headers()[CACHE_CONTROL].to_str()?;
        assert!(cache.contains("immutable"), "{address}: {cache}");
    }
    let other = stack.get("/static/0/page.css", "*/*").await?;
    assert_eq!(other.headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(stack.get("/static/0/x", JSON).await?.status(), 404);
    Ok(())
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites() -> TestResult {
    let stack = Stack::start(|config| config.choices[0].id = "a;b \"é".to_owned()).await?;
    let ballot = stack.get("/", HTML).await?;
    let voted = stack.post(FORM, "choice=a%3Bb+%22%C3%A9&voter=ann").await?;
    assert_eq!(voted.status(), 202);
    for answer in [&ballot, &voted] {
        let cookie = answer.headers()[SET_COOKIE].to_str()?;
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; "), "{cookie}");
    }
    let choice = voted.headers()[SET_COOKIE].to_str()?;
    assert!(
        choice.starts_with("choice=a%3Bb+%22%C3%A9; Path=/;"),
        "{choice}"
    );
    let choice = choice.split(';').next().unwrap_or_default();
    for (path, part) in [("/", "checked"), ("/results", ">your vote<")] {
        let page = stack.client.get(stack.url(path)).header(ACCEPT, HTML);
        let page = page.header(COOKIE, choice).send().await?.text().await?;
        assert_eq!(page.matches(part).count(), 1, "{page}");
        assert!(!stack.get(path, HTML).await?.text().await?.contains(part));
    }
    Ok(())
}

/// Another program of the same host or domain may have set it.
#[tokio::test]
async fn a_cookie_that_is_no_text_shuts_nobody_out() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let cookies = HeaderValue::from_bytes(b"other=caf\xe9; voter=ann; choice=cats")?;
    let vote = stack.client.post(stack.url("/vote"));
    let vote = vote.header(CONTENT_TYPE, FORM).header(COOKIE, &cookies);
    assert_eq!(vote.body("choice=cats").send().await?.status(), 202);
    assert_eq!(stack.enqueued().await?[0].voter, "ann");
    let ballot = stack.client.get(stack.url("/")).header(COOKIE, &cookies);
    let ballot = ballot.send().await?;
    assert!(!ballot.headers().contains_key(SET_COOKIE));
    assert!(ballot.text().await?.contains("checked"));
    Ok(())
}

#[tokio::test]
async fn a_vote_that_another_site_has_the_browser_send_is_refused() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let own = format!("http://{}", stack.address);
    let form = (FORM, "choice=cats");
    let json = (JSON, r#"{"choice":"cats"}"#);
    let refused = "votes_rejected_total{reason=\"cross_origin\"}";
    assert_eq!(stack.metric(refused).await?, 0);
    for ((kind, body), name, value, status) in [
        (form, "origin", &*own, 202),
        (json, "origin", &*own, 202),
        (form, "sec-fetch-site", "same-origin", 202),
        (form, "origin", "https://evil.example", 403),
        (json, "origin", "https://evil.example", 403),
        (form, "origin", "null", 403),
        (form, "sec-fetch-site", "cross-site", 403),
        (json, "sec-fetch-site", "same-site", 403),
    ] {
        let vote = stack.client.post(stack.url("/vote"));
        let vote = vote.header(CONTENT_TYPE, kind).header(COOKIE, "voter=ann");
        let answer = vote.header(name, value).header(ACCEPT, JSON).body(body);
        let answer = answer.send().await?;
        assert_eq!(answer.status(), status, "{kind} {name}: {value}");
        if status == 403 {
            assert_eq!(answer.json::<Value>().await?["error"], "cross_origin");
        }
    }
    assert_eq!(stack.metric(refused).await?, 5);
    assert_eq!(stack.enqueued().await?.len(), 3);
    let vote = stack
        .client
        .post(stack.url("/vote"))
        .header(CONTENT_TYPE, FORM);
    let vote = vote.header(HOST, "evil.example").header(ORIGIN, &*own);
    assert_eq!(vote.body("choice=cats&voter=x").send().await?.status(), 403);
    Ok(())
}

#[tokio::test]
async fn behind_a_gateway_that_speaks_tls_so_do_cookies_and_browsers() -> TestResult {
    const HSTS: &str = "strict-transport-security";
    let plain = Stack::start(|_| ()).await?;
    let stack = Stack::start(|config| {
        config.public_url = PublicUrl::parse("https://vote.example");
    })
    .await?;
    for (stack, is_https) in [(&plain, false), (&stack, true)] {
        let ballot = stack.get("/", HTML).await?;
        let voted = stack.post(FORM, "choice=cats&voter=ann").await?;
        for answer in [&ballot, &voted] {
            let cookie = answer.headers()[SET_COOKIE].to_str()?;
            assert_eq!(cookie.contains("; Secure"), is_https, "{cookie}");
            assert_eq!(cookie.starts_with("__Host-"), is_https, "{cookie}");
        }
        // Another host of the domain can have the browser send the first one, but not the second.
        let vote = stack.client.post(stack.url("/vote"));
        let vote = vote.header(CONTENT_TYPE, FORM);
        let vote = vote.header(COOKIE, "voter=eve; __Host-voter=bob");
        assert_eq!(vote.body("choice=cats").send().await?.status(), 202);
        let voters = stack.enqueued().await?.into_iter().map(|vote| vote.voter);
        let named = if is_https { "bob" } else { "eve" };
        assert_eq!(voters.collect::<Vec<_>>(), ["ann", named]);
        for path in ["/", "/nope", "/static/0/page.css", "/healthz"] {
            let answer = stack.get(path, HTML).await?;
            let told = answer.headers().get(HSTS);
            assert_eq!(told.is_some(), is_https, "{path}: {told:?}");
        }
    }
    for (origin, status) in [
        ("https://vote.example".to_owned(), 202),
        (format!("http://{}", stack.address), 403),
    ] {
        let vote = stack.client.post(stack.url("/vote"));
        let vote = vote.header(CONTENT_TYPE, FORM).header(ORIGIN, &origin);
        let answer = vote.body("choice=cats&voter=ann").send().await?;
        assert_eq!(answer.status(), status, "{origin}");
    }
    Ok(())
}

#[tokio::test]
async fn a_plain_request_id_comes_back_and_any_other_is_replaced() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    for (given, taken) in [
        ("proxy-1.a_B", true),
        ("a b", false),
        ("\"},{\"level\":\"ERROR", false),
        ("<script>", false),
        (&*"x".repeat(65), false),
        ("", false),
    ] {
        let request = stack.client.get(stack.url("/nope")).header(ACCEPT, HTML);
        let answer = request.header(REQUEST_ID, given).send().await?;
        let id = answer.headers()[REQUEST_ID].to_str()?.to_owned();
        assert_eq!(id == given, taken, "{given}: {id}");
        let page = answer.text().await?;
        assert!(page.contains(&format!("<code>{id}</code>")), "{page}");
    }
    Ok(())
}

/// What drivers and the system say names hosts, files and versions.
#[tokio::test]
async fn a_client_is_not_told_what_servers_say() -> TestResult {
    let mut stack = Stack::start(|_| ()).await?;
    stack.redis.kill()?;
    let url = stack.redis.url();
    let port = url.rsplit(':').next().unwrap_or_default();
    for answer in [
        stack.get("/readyz", "*/*").await?,
        stack.post(FORM, "choice=cats&voter=ann").await?,
        stack
            .post(JSON, r#"{"choice":"cats","voter":"ann"}"#)
            .await?,
    ] {
        assert_eq!(answer.status(), 503);
        let text = answer.text().await?;
        for internal in ["os error", "refused", "127.0.0.1", "redis://", port] {
            assert!(!text.contains(internal), "{internal} is in {text}");
        }
    }
    let ready: Value = stack.get("/readyz", "*/*").await?.json().await?;
    assert_eq!(ready["checks"]["redis"], "away");
    Ok(())
}

#[tokio::test]
async fn pages_speak_the_voters_language() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    for (accepted, part) in [
        ("id-ID,id;q=0.9,en;q=0.8", "Lihat hasil"),
        ("fr", "See the results"),
    ] {
        let request = stack
            .client
            .get(stack.url("/"))
            .header("accept-language", accepted);
        let page = request.send().await?.text().await?;
        assert!(page.contains(part), "{accepted}: {page}");
    }
    Ok(())
}

#[tokio::test]
async fn series_do_not_grow_with_what_clients_send() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let series = async || -> Result<usize, Box<dyn std::error::Error>> {
        Ok(stack
            .get("/metrics", "*/*")
            .await?
            .text()
            .await?
            .lines()
            .count())
    };
    let send = async |n: u32| -> TestResult {
        stack.get(&format!("/nope/{n}?{n}"), JSON).await?;
        stack.get(&format!("/static/{n}/{n}"), JSON).await?;
        let method = reqwest::Method::from_bytes(format!("M{n}").as_bytes())?;
        stack
            .client
            .request(method, stack.url("/vote"))
            .send()
            .await?;
        let vote = format!(r#"{{"choice":"c{n}","voter":"v{n}"}}"#);
        stack.post(JSON, vote).await?;
        stack.post(&format!("text/{n}"), "x").await?;
        Ok(())
    };
    send(0).await?;
    let before = series().await?;
    for n in 1..20 {
        send(n).await?;
    }
    assert_eq!(series().await?, before);
    Ok(())
}
