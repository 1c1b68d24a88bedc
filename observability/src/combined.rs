//! Several expressions in one query, so that a refresh costs one request however many signals it
//! reads.
//!
//! Each part is labelled with its name by `label_replace`, whose empty source and empty pattern
//! match always, and the parts are joined with `or`, which keeps series whose labels differ.

use futures::future::join_all;
use promql_parser::parser::{self, value::ValueType};

use crate::backend::BackendError;
use crate::prometheus::{Answer, Series};

/// The label that says which part of a combined answer a series is.
const PART: &str = "voteops_part";

/// An expression and the name that its series are found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The name; letters, digits, `_`, `.`, `/` and `-` need no quoting, others are quoted.
    pub name: String,
    /// PromQL that gives a vector or a number.
    pub expr: String,
}

/// Parts that are asked for at once, made ready for being asked again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    parts: Vec<Part>,
    expr: Option<String>,
}

impl Question {
    /// The parts as one expression.
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        let labelled: Vec<String> = parts.iter().map(label).collect();
        let expr = (!labelled.is_empty()).then(|| labelled.join(" or "));
        Self { parts, expr }
    }

    /// The one expression; `None` without parts.
    #[must_use]
    pub fn expr(&self) -> Option<&str> {
        self.expr.as_deref()
    }

    /// Asks for all parts at once by `query`. When the server refuses that, each part is asked
    /// alone, so that one that is refused does not hide the others.
    ///
    /// # Errors
    /// Any [`BackendError`]; [`BackendError::Refused`] only when every part is refused.
    pub async fn ask<Q, A>(&self, query: Q) -> Result<Combined, BackendError>
    where
        Q: Fn(String) -> A,
        A: Future<Output = Result<Answer<Vec<Series>>, BackendError>>,
    {
        let Some(expr) = &self.expr else {
            return Ok(Combined::default());
        };
        match query(expr.clone()).await {
            Ok(answer) => {
                let series = self.parts.iter();
                let series = series.map(|asked| part(&answer.data, &asked.name).cloned());
                Ok(Combined {
                    series: series.collect(),
                    warnings: sorted(answer.warnings),
                })
            }
            Err(BackendError::Refused { .. }) if self.parts.len() > 1 => {
                each(&self.parts, query).await
            }
            Err(error) => Err(error),
        }
    }
}

fn label(part: &Part) -> String {
    // A number is no vector, and only a vector has labels.
    let scalar = parser::parse(&part.expr).is_ok_and(|expr| expr.value_type() == ValueType::Scalar);
    let expr = if scalar {
        format!("vector({})", part.expr)
    } else {
        part.expr.clone()
    };
    // `$` would refer to a group of the pattern.
    let name = part
        .name
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "$$");
    format!("label_replace({expr}, \"{PART}\", \"{name}\", \"\", \"\")")
}

/// The first series of the part `name` in a combined answer.
#[must_use]
pub fn part<'a>(series: &'a [Series], name: &str) -> Option<&'a Series> {
    series
        .iter()
        .find(|series| series.labels.get(PART).is_some_and(|part| part == name))
}

/// What a combined question gave: for each part, in their order, its first series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Combined {
    /// The first series of each part; `None` when it has none.
    pub series: Vec<Option<Series>>,
    /// What the server warned of, and which parts it refused in which words.
    pub warnings: Vec<String>,
}

async fn each<Q, A>(parts: &[Part], query: Q) -> Result<Combined, BackendError>
where
    Q: Fn(String) -> A,
    A: Future<Output = Result<Answer<Vec<Series>>, BackendError>>,
{
    let answers = join_all(parts.iter().map(|part| query(part.expr.clone()))).await;
    let mut combined = Combined::default();
    let mut refused = None;
    let mut answered = false;
    for (part, answer) in parts.iter().zip(answers) {
        let series = match answer {
            Ok(answer) => {
                answered = true;
                combined.warnings.extend(answer.warnings);
                answer.data.into_iter().next()
            }
            Err(error) => {
                let BackendError::Refused { kind, message, .. } = &error else {
                    return Err(error);
                };
                let told = format!("{}: {kind}: {message}", part.name);
                combined.warnings.push(told);
                refused.get_or_insert(error);
                None
            }
        };
        combined.series.push(series);
    }
    match refused {
        Some(error) if !answered => Err(error),
        _ => Ok(Combined {
            warnings: sorted(combined.warnings),
            ..combined
        }),
    }
}

fn sorted(mut warnings: Vec<String>) -> Vec<String> {
    warnings.sort();
    warnings.dedup();
    warnings
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;
    use crate::prometheus::{Labels, Sample};

    fn named(name: &str, expr: &str) -> Part {
        Part {
            name: name.into(),
            expr: expr.into(),
        }
    }

    fn series(name: Option<&str>, value: f64) -> Series {
        Series {
            labels: name
                .map(|name| (PART.to_owned(), name.to_owned()))
                .into_iter()
                .collect::<Labels>(),
            samples: vec![Sample { at_s: 0.0, value }],
        }
    }

    fn refused(message: &str) -> BackendError {
        BackendError::Refused {
            url: "http://p/".into(),
            kind: "bad_data".into(),
            message: message.into(),
        }
    }

    fn answer(data: Vec<Series>) -> Answer<Vec<Series>> {
        Answer {
            data,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn vectors_and_numbers_become_one_expression() {
        let question = Question::new(vec![named("a", "up"), named("b", "1 + 1")]);
        let expr = question.expr().unwrap();
        assert_eq!(
            expr,
            "label_replace(up, \"voteops_part\", \"a\", \"\", \"\") or \
             label_replace(vector(1 + 1), \"voteops_part\", \"b\", \"\", \"\")"
        );
        assert_eq!(Question::new(Vec::new()).expr(), None);
    }

    proptest! {
        #[test]
        fn any_name_stays_one_string_of_the_expression(name in "\\PC{0,12}") {
            let question = Question::new(vec![named(&name, "up"), named("b", "down")]);
            let expr = question.expr().unwrap();
            let parser::Expr::Binary(or) = parser::parse(expr).unwrap() else {
                panic!("{expr}");
            };
            let parser::Expr::Call(call) = or.lhs.as_ref() else { panic!("{expr}") };
            let parser::Expr::StringLiteral(text) = call.args.args[2].as_ref() else {
                panic!("{expr}");
            };
            prop_assert_eq!(text.val.replace("$$", "$"), name);
        }
    }

    #[tokio::test]
    async fn one_query_answers_all() {
        let asked = RefCell::new(0);
        let parts = vec![named("a", "up"), named("b", "down"), named("c", "none")];
        let question = Question::new(parts);
        let combined = question.ask(|_| {
            *asked.borrow_mut() += 1;
            async { Ok(answer(vec![series(Some("b"), 2.0), series(Some("a"), 1.0)])) }
        });
        let combined = combined.await.unwrap();
        let values: Vec<_> = combined
            .series
            .iter()
            .map(|series| series.as_ref().map(|series| series.samples[0].value))
            .collect();
        assert_eq!(values, [Some(1.0), Some(2.0), None]);
        assert_eq!(asked.into_inner(), 1);
    }

    #[tokio::test]
    async fn a_part_that_is_refused_does_not_hide_the_others() {
        let parts = [named("a", "up"), named("b", "wrong(")];
        let query = |expr: String| async move {
            if expr.contains("wrong(") {
                Err(refused("unclosed"))
            } else {
                Ok(answer(vec![series(None, 1.0)]))
            }
        };
        let combined = Question::new(parts.to_vec()).ask(query).await.unwrap();
        assert!(combined.series[0].is_some() && combined.series[1].is_none());
        assert_eq!(combined.warnings, ["b: bad_data: unclosed"]);
        let all = Question::new(parts[1..].to_vec())
            .ask(query)
            .await
            .unwrap_err();
        assert_eq!(all, refused("unclosed"));
        let both = vec![named("b", "wrong("), named("c", "wrong(")];
        let both = Question::new(both).ask(query).await;
        assert_eq!(both.unwrap_err(), refused("unclosed"));
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_asked_once() {
        let asked = RefCell::new(0);
        let away = BackendError::Timeout {
            url: "http://p/".into(),
            timeout_s: 10,
        };
        let question = Question::new(vec![named("a", "up"), named("b", "down")]);
        let error = question.ask(|_| {
            *asked.borrow_mut() += 1;
            let away = away.clone();
            async { Err(away) }
        });
        assert_eq!(error.await.unwrap_err(), away);
        assert_eq!(asked.into_inner(), 1);
    }
}
