//! What is voted for, and how often.

use std::str::FromStr;

/// The greatest weight of a choice.
const MOST_WEIGHT: u32 = 1_000_000;

/// Something to vote for. Written `cats`, or `cats=3` when it is to get three times as many votes
/// as a choice without a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The vote app's id of it.
    pub id: String,
    /// Its share of the votes, relative to the other choices' weights; at least 1.
    pub weight: u32,
}

/// Why a text is no choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    /// There is nothing to vote for in it.
    #[error("it names no choice; write cats, or cats=3 to weigh it")]
    Nameless,
    /// The weight is none.
    #[error(
        "its weight '{0}' is not a whole number from 1 to {MOST_WEIGHT}; write cats=3, or leave a \
         choice out that is to get no votes"
    )]
    Weight(String),
}

impl Choice {
    /// A choice that weighs as much as any other.
    #[must_use]
    pub fn plain(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            weight: 1,
        }
    }
}

impl FromStr for Choice {
    type Err = NoChoice;

    fn from_str(text: &str) -> Result<Self, NoChoice> {
        // The last sign of equality, for an id may hold some itself.
        let (id, weight) = match text.rsplit_once('=') {
            None => (text, 1),
            Some((id, weight)) => {
                let given = weight.trim().parse().ok();
                let given = given.filter(|weight| (1..=MOST_WEIGHT).contains(weight));
                (
                    id,
                    given.ok_or_else(|| NoChoice::Weight(weight.to_owned()))?,
                )
            }
        };
        let id = id.trim();
        if id.is_empty() {
            return Err(NoChoice::Nameless);
        }
        Ok(Self {
            id: id.to_owned(),
            weight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_with_and_without_weights() {
        for (text, id, weight) in [
            ("cats", "cats", 1),
            ("cats=3", "cats", 3),
            (" a=b = 2 ", "a=b", 2),
        ] {
            let choice: Choice = text.parse().unwrap();
            assert_eq!((choice.id.as_str(), choice.weight), (id, weight));
        }
        assert_eq!("cats".parse(), Ok(Choice::plain("cats")));
    }

    #[test]
    fn bad_weights_are_told_with_the_reason_and_the_way_out() {
        for text in [
            "cats=",
            "cats=0",
            "cats=-1",
            "cats=0.5",
            "cats=many",
            "cats=1000001",
        ] {
            let told = text.parse::<Choice>().unwrap_err().to_string();
            let (_, weight) = text.split_once('=').unwrap();
            let expected =
                format!("'{weight}' is not a whole number from 1 to 1000000; write cats=3");
            assert!(told.contains(&expected), "{told}");
        }
        for text in ["", " ", "=3"] {
            assert_eq!(text.parse::<Choice>(), Err(NoChoice::Nameless), "{text}");
        }
    }
}
