//! Text that fits: cleaned, cut, padded and wrapped by its width on a terminal.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use voteops_observability::text::clean_line;
use voteops_observability::units;

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The columns that a line takes.
pub(crate) fn line_width(spans: &[Span]) -> usize {
    spans.iter().map(|span| width(&span.content)).sum()
}

/// A cleaned piece of text.
pub(crate) fn span(text: impl AsRef<str>, style: Style) -> Span<'static> {
    Span::styled(clean_line(text.as_ref()).into_owned(), style)
}

/// The text cleaned and cut to `columns`, with an ellipsis where it was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let text = clean_line(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let mut short = take_columns(&text, columns.saturating_sub(1)).to_owned();
    if columns > 0 {
        short.push('…');
    }
    short
}

/// The longest beginning of `text` that takes at most `columns`.
fn take_columns(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        used += c.width().unwrap_or(0);
        (used > columns).then_some(at)
    });
    &text[..end.unwrap_or(text.len())]
}

/// The text cut or padded on the right to exactly `columns`.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let room = columns.saturating_sub(width(&text));
    text + &" ".repeat(room)
}

/// The text cut or padded on the left to exactly `columns`.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    " ".repeat(columns.saturating_sub(width(&text))) + &text
}

/// The text cleaned and wrapped at spaces, or inside words that are too long. Leading spaces are
/// kept on every line.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let text = clean_line(text);
    let body = text.trim_start();
    let indent = " ".repeat(width(&text[..text.len() - body.len()]).min(columns / 2));
    let room = columns.saturating_sub(indent.len()).max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in body.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        if !line.is_empty() && width(&line) + 1 + width(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        while width(word) > room {
            let head = take_columns(word, room);
            // A character wider than the room is dropped rather than drawn over the edge.
            let taken = if head.is_empty() {
                word.chars().next().map_or(0, char::len_utf8)
            } else {
                lines.push(head.to_owned());
                head.len()
            };
            word = &word[taken..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines.iter().map(|line| format!("{indent}{line}")).collect()
}

/// The text wrapped into at most `rows` lines, with an ellipsis where it is cut.
pub(crate) fn wrapped_within(text: &str, columns: usize, rows: usize) -> Vec<String> {
    let mut lines = wrap(text, columns);
    if lines.len() > rows {
        let rest = lines.drain(rows.saturating_sub(1)..).collect::<Vec<_>>();
        lines.push(cut(&rest.join(" "), columns));
    }
    lines
}

/// Puts groups of spans into lines of at most `columns`, `gap` columns apart.
pub(crate) fn flow(
    groups: Vec<Vec<Span<'static>>>,
    columns: usize,
    gap: usize,
) -> Vec<Line<'static>> {
    let mut lines: Vec<Vec<Span<'static>>> = Vec::new();
    for group in groups {
        match lines.last_mut() {
            Some(line) if line_width(line) + gap + line_width(&group) <= columns => {
                line.push(Span::raw(" ".repeat(gap)));
                line.extend(group);
            }
            _ => lines.push(group),
        }
    }
    lines.into_iter().map(Line::from).collect()
}

/// The time of day in a zone.
pub(crate) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// The time left, `2:55`; an hour and more as a length of time.
pub(crate) fn countdown(seconds: f64) -> String {
    if seconds >= 3600.0 || seconds.is_nan() {
        return units::age(seconds);
    }
    let whole = std::time::Duration::from_secs_f64(seconds.max(0.0).ceil()).as_secs();
    format!("{}:{:02}", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(left("漢", 4), "漢  ");
        assert_eq!(right("a\tb", 5), "  a b");
    }

    #[test]
    fn wrapped_text_is_cut_where_its_rows_end() {
        assert_eq!(wrapped_within("one two", 5, 2), ["one", "two"]);
        assert_eq!(wrapped_within("one two three", 5, 2), ["one", "two …"]);
        assert_eq!(wrapped_within("one", 5, 1), ["one"]);
    }

    #[test]
    fn text_wraps_at_spaces_and_keeps_its_indent() {
        assert_eq!(wrap("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("漢", 1), [""]);
    }

    #[test]
    fn countdowns_count_whole_seconds_that_remain() {
        assert_eq!(countdown(174.2), "2:55");
        assert_eq!(countdown(-3.0), "0:00");
        assert_eq!(countdown(7200.0), "2h00m");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_room(text in any::<String>(), columns in 1_usize..60) {
            prop_assert!(width(&cut(&text, columns)) <= columns);
            prop_assert_eq!(width(&left(&text, columns)), columns);
            for line in wrap(&text, columns) {
                prop_assert!(width(&line) <= columns, "{:?}", line);
            }
        }
    }
}
