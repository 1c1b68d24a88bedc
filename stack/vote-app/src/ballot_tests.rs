use proptest::collection::vec;
use proptest::prelude::*;
use voteops_queue::check_voter;

use super::*;

const FORM: Encoding = Encoding::Form;
const JSON: Encoding = Encoding::Json;

fn choices() -> Vec<Choice> {
    let choice = |id: &str| Choice {
        id: id.to_owned(),
        label: id.to_uppercase(),
    };
    vec![choice("cats"), choice("a&b=c"), choice("é \"%")]
}

fn read_from(encoding: Encoding, body: impl Into<Bytes>) -> Result<Vote, Refusal> {
    read(
        encoding,
        &body.into(),
        &HeaderMap::new(),
        Cookies::Plain,
        &choices(),
    )
    .map(|sent| sent.vote)
}

fn form(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Names that mean something more often than chance would have them.
fn field() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![Just("choice".to_owned()), Just("voter".to_owned()), ".*"];
    let value = prop_oneof![Just("cats".to_owned()), Just("é \"%".to_owned()), ".*"];
    (name, value)
}

/// What is taken has a known choice and a voter that is one.
fn is_sound(vote: &Vote) -> bool {
    choices().iter().any(|choice| choice.id == vote.choice) && check_voter(&vote.voter).is_ok()
}

proptest! {
    #[test]
    fn any_bytes_are_a_vote_or_a_refusal(body in vec(any::<u8>(), 0..300)) {
        for encoding in [FORM, JSON] {
            if let Ok(vote) = read_from(encoding, body.clone()) {
                prop_assert!(is_sound(&vote), "{vote:?}");
            }
        }
    }

    #[test]
    fn a_form_is_a_vote_when_both_fields_are_there_once(fields in vec(field(), 0..5)) {
        let given = |name: &str| -> Vec<&str> {
            let named = fields.iter().filter(|(field, _)| field == name);
            named.map(|(_, value)| value.as_str()).collect()
        };
        let is_vote = match (&given("choice")[..], &given("voter")[..]) {
            ([choice], [voter]) => {
                choices().iter().any(|known| known.id == *choice) && check_voter(voter).is_ok()
            }
            _ => false,
        };
        let read = read_from(FORM, form(&fields));
        prop_assert_eq!(read.is_ok(), is_vote, "{:?}", read);
    }

    #[test]
    fn both_encodings_say_the_same(choice in "cats|é \"%|.*", voter in ".*") {
        let fields = [("choice".to_owned(), choice.clone()), ("voter".to_owned(), voter.clone())];
        let json = serde_json::json!({ "choice": choice, "voter": voter }).to_string();
        match (read_from(FORM, form(&fields)), read_from(JSON, json)) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!((&one.choice, &one.voter), (&choice, &voter));
                prop_assert_eq!((&other.choice, &other.voter), (&choice, &voter));
            }
            (Err(one), Err(other)) => prop_assert_eq!(one.reason, other.reason),
            (one, other) => prop_assert!(false, "{:?}, but {:?}", one, other),
        }
    }
}

#[test]
fn a_key_goes_before_the_page_and_only_a_form_has_one() {
    let mut headers = HeaderMap::new();
    let sameness = |encoding, body: &'static str, headers: &HeaderMap| {
        let sent = read(encoding, &body.into(), headers, Cookies::Plain, &choices());
        sent.map(|sent| sent.sameness)
            .map_err(|refusal| refusal.reason)
    };
    let form = "choice=cats&voter=ann&page=p1";
    let page = Page::new("ann", "p1").unwrap();
    let of_page = sameness(FORM, form, &headers);
    assert!(
        matches!(of_page, Ok(Sameness::Page(found)) if found == page),
        "{of_page:?}"
    );
    let without = sameness(FORM, "choice=cats&voter=ann", &headers);
    assert!(matches!(without, Ok(Sameness::Unknown)), "{without:?}");
    let json = r#"{"choice":"cats","voter":"ann","page":"p1"}"#;
    let of_json = sameness(JSON, json, &headers);
    assert!(matches!(of_json, Ok(Sameness::Unknown)), "{of_json:?}");
    for bad in [
        "choice=cats&voter=ann&page=",
        "choice=cats&voter=ann&page=%00",
        "choice=cats&voter=ann&page=1&page=1",
    ] {
        let refused = sameness(FORM, bad, &headers);
        assert!(
            matches!(refused, Err(Reason::InvalidFields)),
            "{bad}: {refused:?}"
        );
    }
    headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("k1"));
    let of_key = sameness(FORM, form, &headers);
    assert!(matches!(of_key, Ok(Sameness::Key)), "{of_key:?}");
    let refused = sameness(FORM, "choice=cats&voter=ann&page=%00", &headers);
    assert!(matches!(refused, Err(Reason::InvalidFields)), "{refused:?}");
}

#[test]
fn new_names_rise_with_the_time_and_are_random_otherwise() {
    let names: Vec<String> = (0..1000).map(|_| new_name()).collect();
    let time = |name: &String| name[..13].to_owned();
    assert!(names.iter().map(time).is_sorted());
    assert!(names.iter().all(|name| check_voter(name).is_ok()));
    // A counter would make the rest of names of one millisecond alike.
    let rest: std::collections::HashSet<_> = names.iter().map(|name| &name[15..23]).collect();
    assert!(rest.len() > 990, "{names:?}");
}
