//! Nothing that can be written as an expression makes the replay panic.

use proptest::prelude::*;

use super::arbitrary;
use crate::replay::eval::{Query, QueryError, Semantics, Settings};

fn try_out(expr: &str, series: &[crate::replay::eval::Series], at_ms: i64) {
    if let Ok(query) = Query::parse(expr) {
        for semantics in [Semantics::V2, Semantics::V2_52, Semantics::V3] {
            let _ = query.evaluate(&Settings::new(semantics), series, at_ms);
        }
    }
}

/// Pieces of PromQL in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "a",
        "h_bucket",
        "sum",
        "rate",
        "(",
        ")",
        "[5m]",
        "[",
        "]",
        "{",
        "}",
        "{x=~\"(\"}",
        "x=\"1\"",
        ",",
        " by ",
        " on ",
        "(x)",
        " group_left ",
        " and ",
        " or ",
        " bool ",
        "==",
        ">",
        "-",
        "+",
        "^",
        "%",
        "1e400",
        "0x",
        "NaN",
        "Inf",
        "9999999999y",
        "offset",
        "@",
        "5m",
        "time()",
        "absent",
        "topk",
        "\"",
        "'",
        "`",
        "\\",
        "#",
        "\n",
        "ä",
        "\0",
        "histogram_quantile",
        "quantile_over_time",
        "vector",
        "scalar",
        "clamp_min",
        "start()",
        ":",
        "without",
        "atan2",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,60}") {
        try_out(&text, &[], 0);
    }

    #[test]
    fn any_pieces_of_promql_are_answered(text in pieces()) {
        try_out(&text, &[], 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_supported_expression_is_evaluated_at_any_time(
        expr in arbitrary::vector(),
        series in arbitrary::series(),
        at_ms in prop_oneof![any::<i64>(), 0..700_000_i64],
    ) {
        Query::parse(&expr).unwrap();
        try_out(&expr, &series, at_ms);
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (expr, named) in [
        ("a offset 5m > 1", "offset"),
        ("a @ 100 > 1", "@ modifier"),
        ("max_over_time(rate(a[1m])[30m:1m]) > 1", "subqueries"),
        ("topk(3, a) > 1", "the aggregation topk"),
        ("a atan2 b", "the operator atan2"),
        (
            "predict_linear(a[1h], 60) < 0",
            "the function predict_linear",
        ),
        (
            "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")",
            "the function label_replace",
        ),
        ("a[5m]", "a range that no function takes"),
        ("\"text\"", "strings"),
        ("a{x=\"1\" or x=\"2\"}", "`or` between matchers"),
    ] {
        let error = Query::parse(expr).unwrap_err();
        assert!(
            matches!(error, QueryError::Unsupported(_)),
            "{expr}: {error}"
        );
        assert!(error.to_string().contains(named), "{expr}: {error}");
    }
    assert!(matches!(
        Query::parse("a >").unwrap_err(),
        QueryError::Syntax(_)
    ));
}

#[test]
fn depth_and_length_have_limits() {
    let deep = format!("{}a{}", "(".repeat(3_000), ")".repeat(3_000));
    assert!(matches!(
        Query::parse(&deep),
        Err(QueryError::TooDeep { .. })
    ));
    let minus = format!("{}a", "-".repeat(8_000));
    assert!(matches!(
        Query::parse(&minus),
        Err(QueryError::TooDeep { .. })
    ));
    let long = format!("a{{x=\"{}\"}}", "x".repeat(9_000));
    assert!(matches!(
        Query::parse(&long),
        Err(QueryError::TooLong { .. })
    ));
    let nested = format!("{}a{}", "(".repeat(90), ")".repeat(90));
    assert!(Query::parse(&nested).is_ok());
}
