//! Whatever Redis may answer, for anyone can write to the stream.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const ID: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

fn bulk() -> impl Strategy<Value = Value> {
    vec(any::<u8>(), 0..20).prop_map(Value::BulkString)
}

/// Any answer of any command.
fn answer() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        Just(Value::Okay),
        any::<i64>().prop_map(Value::Int),
        ".*".prop_map(Value::SimpleString),
        bulk(),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((inner.clone(), inner), 0..3).prop_map(Value::Map),
        ]
    })
}

/// The fields of an entry: names and values that mean something more often than chance would have.
fn fields() -> impl Strategy<Value = Vec<Field>> {
    let known = |texts: &'static [&'static str]| {
        prop_oneof![
            3 => proptest::sample::select(texts).prop_map(|text| text.as_bytes().to_vec()),
            1 => vec(any::<u8>(), 0..20),
        ]
    };
    vec(
        (
            known(&["id", "voter", "choice"]),
            known(&[ID, "ann", "cats", ""]),
        ),
        0..6,
    )
}

proptest! {
    #[test]
    fn any_answer_is_entries_or_an_error(answer in answer()) {
        let _ = from_read(answer.clone());
        let _ = from_claim(answer);
    }

    #[test]
    fn an_entry_is_a_vote_when_its_fields_say_so(fields in fields()) {
        let flat = fields.iter().flat_map(|(name, value)| [name.clone(), value.clone()]);
        let entry = Value::Array(vec![
            Value::BulkString(b"1-0".to_vec()),
            Value::Array(flat.map(Value::BulkString).collect()),
        ]);
        let stream = Value::Array(vec![Value::SimpleString("votes".into()), Value::Array(vec![entry])]);
        let entries = from_read(Value::Array(vec![stream])).unwrap();
        prop_assert_eq!(entries.len(), 1);
        prop_assert_eq!(&entries[0].fields, &fields);
        let value = |name: &str| {
            let mut named = fields.iter().filter(|(field, _)| field == name.as_bytes());
            named.next().map(|(_, value)| value.clone()).filter(|_| named.next().is_none())
        };
        if let Content::Vote(vote) = &entries[0].content {
            prop_assert_eq!(value("id"), Some(vote.id.to_string().into_bytes()));
            prop_assert_eq!(value("voter"), Some(vote.voter.clone().into_bytes()));
            prop_assert_eq!(value("choice"), Some(vote.choice.clone().into_bytes()));
        }
    }
}
