use serde_json::json;

use super::*;

#[test]
fn ballots_are_json_whatever_the_names_are() {
    let ballots = Ballots::new("run \"7\"\n", &["kucing".into(), "an\\jing".into()]);
    let body = ballots.fill(42, 3);
    let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        read,
        json!({ "voter": "run \"7\"\n-42", "choice": "an\\jing" })
    );
}

#[test]
fn equal_seeds_vote_alike_and_all_choices_are_taken() {
    let drawn = |seed| {
        (0..1_000)
            .map(|index| draw(seed, index) % 2)
            .collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    let first: u64 = drawn(7).into_iter().sum();
    assert!((400..600).contains(&first), "{first} of 1000");
}

#[test]
fn draws_are_those_of_splitmix64() {
    // The first outputs of the reference implementation (Vigna, splitmix64.c) for seed 1234567.
    let expected = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
    ];
    assert_eq!([0, 1, 2].map(|index| draw(1_234_567, index)), expected);
}

#[test]
fn only_a_202_with_a_vote_id_is_an_acceptance() {
    let fate = |status, body: &'static str| {
        fate_of_vote(&Answer {
            status,
            last: false,
            body: Bytes::from_static(body.as_bytes()),
        })
    };
    let id = r#"{"status":"queued","vote_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
    assert!(matches!(
        fate(StatusCode::ACCEPTED, id),
        Fate::Accepted([1, 0x89, ..])
    ));
    assert!(matches!(
        fate(StatusCode::OK, id),
        Fate::Status(StatusCode::OK)
    ));
    for body in ["", "{}", r#"{"vote_id":"7"}"#, "<html>"] {
        let fate = fate(StatusCode::ACCEPTED, body);
        assert!(
            matches!(fate, Fate::Failed(ErrorKind::Unreadable)),
            "{body}"
        );
    }
}

#[test]
fn requests_go_below_the_path_and_name_the_host() {
    let url = Url::parse("http://[::1]:8080/poll/").unwrap();
    let call = Post::new(&url).unwrap().call(Bytes::new());
    assert_eq!(call.uri(), "/poll/vote");
    assert_eq!(call.headers()[HOST], "[::1]:8080");
}
