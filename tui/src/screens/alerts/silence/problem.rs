//! What is wrong with matchers, in the language that is spoken.

use voteops_observability::alertmanager::silences::MatcherError;

use crate::lang::tr;

/// The error in one line.
pub(super) fn told(error: &MatcherError) -> String {
    let told = match error {
        MatcherError::Comma { rest } => tr!("a comma is missing before %{rest}", rest = rest),
        MatcherError::Empty => tr!("write at least one matcher, alertname=\"X\" for instance"),
        MatcherError::All => {
            tr!("every matcher accepts a label that is not there: all alerts would match")
        }
        MatcherError::Label { name } => tr!(
            "%{name} is no label; write label=\"value\"",
            name = format!("{name:?}")
        ),
        MatcherError::Operator { name } => {
            tr!("%{name}: write one of = != =~ !~ after it", name = name)
        }
        MatcherError::Quotes { name } => tr!("%{name}: the quotes are not closed", name = name),
        MatcherError::Regex { name, reason } => format!("{name}: {reason}").into(),
    };
    told.into()
}

#[cfg(test)]
mod tests {
    use voteops_observability::alertmanager::silences::parse;

    use super::*;

    #[test]
    fn in_english_it_is_what_the_error_itself_says() {
        for text in ["a=\"b\" c=d", "", "a=", "1=b", "a!b", "a=\"b", "a=~\"(\""] {
            let error = parse(text).unwrap_err();
            assert_eq!(told(&error), error.to_string(), "{text}");
        }
    }
}
