use super::*;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Modifier;
use voteops_observability::promql::Comparison;

use crate::view::as_text;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn samples(values: impl IntoIterator<Item = (i32, f64)>) -> Vec<Sample> {
    let sample = |(at_s, value)| Sample {
        at_s: f64::from(at_s),
        value,
    };
    values.into_iter().map(sample).collect()
}

fn chart<'a>(curves: &'a [(&str, Vec<Sample>)]) -> Chart<'a> {
    Chart {
        title: "Queue length".into(),
        mark: None,
        selected: false,
        unit: Some(Unit::Count),
        curves: curves
            .iter()
            .map(|(name, samples)| Curve {
                name: (*name).into(),
                samples,
            })
            .collect(),
        threshold: None,
        range: Range {
            from: at(0),
            to: at(100),
        },
        gap_s: 2.0,
        hold_s: 2.0,
        is_live: false,
        cursor: None,
        moments: Vec::new(),
        states: None,
        note: None,
        zone: TimeZone::UTC,
    }
}

fn drawn(chart: &Chart, size: (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    let theme = Theme::new(true);
    terminal
        .draw(|frame| draw(chart, theme, frame, frame.area()))
        .unwrap();
    terminal.backend().buffer().clone()
}

fn limit(value: f64) -> Threshold {
    Threshold {
        comparison: Comparison::Above,
        value,
    }
}

#[test]
fn a_curve_has_axes_a_threshold_and_its_last_value() {
    let curves = [("", samples((0..=100).map(|s| (s, f64::from(s) * 12.0))))];
    let chart = Chart {
        threshold: Some(limit(1000.0)),
        ..chart(&curves)
    };
    insta::assert_snapshot!("chart", as_text(&drawn(&chart, (60, 12))));
}

#[test]
fn a_last_value_that_is_not_of_now_is_told_with_its_age() {
    let curves = [("", samples([(0, 1.0), (40, 7.0)]))];
    let heading = |is_live, cursor, last: i64| {
        let chart = Chart {
            is_live,
            cursor,
            hold_s: 90.0,
            range: Range {
                from: at(0),
                to: at(last),
            },
            ..chart(&curves)
        };
        let frame = as_text(&drawn(&chart, (60, 12)));
        frame.lines().next().unwrap().to_owned()
    };
    assert_eq!(heading(true, None, 100), "  Queue length  1m00s ago  7");
    for (is_live, cursor, last) in [
        (true, None, 69),
        (false, None, 100),
        (true, Some(at(40)), 100),
    ] {
        assert_eq!(heading(is_live, cursor, last), "  Queue length  7");
    }
}

#[test]
fn of_too_many_curves_the_outliers_are_drawn_and_the_rest_is_told() {
    let flat = |value: f64| ("", samples([(0, value), (100, value)]));
    let mut curves: Vec<_> = (0..100)
        .map(|n| flat(40.0 + f64::from(n) / 100.0))
        .collect();
    curves[50] = flat(99.0);
    let chart = Chart {
        gap_s: 100.0,
        ..chart(&curves)
    };
    let frame = as_text(&drawn(&chart, (60, 12)));
    assert!(frame.contains("40 of 100 curves are drawn"), "{frame}");
    let is_dotted = |line: &&str| line.contains('⠒') || line.contains('⠉') || line.contains('⣀');
    assert!(frame.lines().filter(is_dotted).count() >= 2, "{frame}");
}

#[test]
fn a_curve_without_samples_leaves_the_others_their_numbers() {
    let curves = [
        ("a", samples([])),
        ("b", samples((0..=100).map(|s| (s, 5.0)))),
    ];
    let frame = as_text(&drawn(&chart(&curves), (60, 12)));
    let ends: String = frame.lines().skip(1).take(10).collect();
    assert!(
        ends.contains("⠒2") || ends.contains("⠤2") || ends.contains("⠉2"),
        "{frame}"
    );
}

#[test]
fn what_is_beyond_the_threshold_warns_and_the_rest_does_not() {
    let curves = [("", samples((0..=100).map(|s| (s, f64::from(s) * 12.0))))];
    let chart = Chart {
        threshold: Some(limit(600.0)),
        ..chart(&curves)
    };
    let buffer = drawn(&chart, (60, 12));
    let style_of = |column: u16| {
        let rows = 1..11;
        let cell = rows.map(|y| &buffer[(column, y)]).find(|cell| {
            let first = cell.symbol().chars().next().unwrap();
            ('\u{2801}'..='\u{28ff}').contains(&first)
        });
        cell.unwrap().modifier
    };
    assert!(style_of(58).contains(Modifier::BOLD));
    assert!(!style_of(12).contains(Modifier::BOLD));
}

#[test]
fn a_gap_is_a_gap_and_a_lone_sample_is_seen() {
    let points = (0..=100).filter(|s| !(20..40).contains(s) && !(60..90).contains(s) || *s == 75);
    let curves = [("", samples(points.map(|s| (s, 5.0))))];
    let text = as_text(&drawn(&chart(&curves), (56, 8)));
    let row = text
        .lines()
        .find(|line| {
            line.contains('\u{2809}')
                || line.contains('\u{2812}')
                || line.contains('\u{2824}')
                || line.contains('\u{28c0}')
        })
        .unwrap();
    let runs: Vec<_> = row
        .split(|c: char| !('\u{2801}'..='\u{28ff}').contains(&c))
        .filter(|run| !run.is_empty())
        .map(|run| run.chars().count())
        .collect();
    assert_eq!(runs.len(), 4, "{text}");
    assert_eq!(runs[2], 1, "{text}");
}

#[test]
fn nan_is_a_gap_and_nothing_is_told_as_nothing() {
    let curves = [("", samples([(10, f64::NAN), (20, f64::INFINITY)]))];
    let text = as_text(&drawn(&chart(&curves), (60, 8)));
    assert!(text.contains("no samples in this time"), "{text}");
    let text = as_text(&drawn(&chart(&[]), (60, 8)));
    assert!(text.contains("no samples in this time"), "{text}");
}

#[test]
fn the_cursor_tells_the_values_of_its_time() {
    let curves = [
        ("p50", samples((0..=100).map(|s| (s, f64::from(s))))),
        ("p99", samples((0..=100).map(|s| (s, 500.0 + f64::from(s))))),
    ];
    let mut chart = chart(&curves);
    let text = as_text(&drawn(&chart, (60, 8)));
    assert!(text.contains("1·p50 100  2·p99 600"), "{text}");
    chart.cursor = Some(at(40));
    let text = as_text(&drawn(&chart, (60, 8)));
    assert!(text.contains("1·p50 40  2·p99 540"), "{text}");
    assert!(text.contains("00:00:40"), "{text}");
    assert!(text.contains('│'), "{text}");
}

#[test]
fn what_happened_stands_on_the_time_axis_and_notes_are_told() {
    let curves = [("", samples([(50, 1.0)]))];
    let mut chart = chart(&curves);
    chart.moments = vec![Moment {
        at: at(30),
        glyph: "◆",
        tone: Tone::Warning,
    }];
    chart.note = Some("stale 12s".into());
    let text = as_text(&drawn(&chart, (60, 8)));
    assert!(text.lines().last().unwrap().contains('◆'), "{text}");
    assert!(text.contains("stale 12s"), "{text}");
}

proptest! {
    #[test]
    fn anything_is_drawn_at_any_size(
        values in proptest::collection::vec((0_i32..200, any::<f64>()), 0..40),
        size in (0_u16..70, 0_u16..20),
        limit_at in proptest::option::of(any::<f64>()),
        span_s in 0_i64..200,
        cursor in proptest::option::of(-50_i64..250),
    ) {
        let mut values = values;
        values.sort_by_key(|(at, _)| *at);
        let curves = [("x", samples(values))];
        let mut chart = chart(&curves);
        chart.range.to = at(span_s);
        chart.threshold = limit_at.map(limit);
        chart.cursor = cursor.map(at);
        drawn(&chart, size);
    }
}
