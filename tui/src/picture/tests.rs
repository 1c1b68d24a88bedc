use ratatui::style::Style;

use super::*;

fn drawn(fill: impl Fn(&mut Buffer)) -> String {
    let mut buffer = Buffer::with_lines(["          "]);
    fill(&mut buffer);
    svg(&buffer)
}

#[test]
fn blanks_keep_their_columns_and_never_stand_together() {
    let picture = drawn(|buffer| buffer.set_string(0, 0, "  a b   cd", Style::new()));
    for told in ["x=\"18\" y=\"14\" textLength=\"27\"", ">a b<"] {
        assert!(picture.contains(told), "{told} is not in {picture}");
    }
    for told in ["x=\"72\" y=\"14\" textLength=\"18\"", ">cd<"] {
        assert!(picture.contains(told), "{told} is not in {picture}");
    }
    assert_eq!(picture.matches("<text").count(), 2, "{picture}");
}

#[test]
fn what_fonts_disagree_on_is_placed_by_itself() {
    let picture = drawn(|buffer| buffer.set_string(0, 0, "a漢→→b", Style::new()));
    for told in [
        "x=\"0\" y=\"14\" textLength=\"9\"",
        "x=\"9\" y=\"14\" textLength=\"18\"",
        "x=\"27\" y=\"14\" textLength=\"18\"",
        "x=\"45\" y=\"14\" textLength=\"9\"",
    ] {
        assert!(picture.contains(told), "{told} is not in {picture}");
    }
}

#[test]
fn styles_are_told() {
    let style = Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Rgb(4, 5, 6));
    let picture = drawn(|buffer| {
        buffer.set_string(1, 0, "a", style.bold().dim());
        buffer.set_string(2, 0, "b", style.reversed());
        buffer.set_string(3, 0, "▁", style.dim());
    });
    for told in [
        "width=\"9\" height=\"18\" fill=\"#040506\"",
        "fill=\"#010203\" font-weight=\"bold\" opacity=\"0.6\">a<",
        "width=\"9\" height=\"18\" fill=\"#010203\"",
        "fill=\"#040506\">b<",
        "<path d=\"M27 18h9v-2.25h-9z\" fill=\"#010203\" opacity=\"0.6\"/>",
    ] {
        assert!(picture.contains(told), "{told} is not in {picture}");
    }
}

#[test]
fn text_cannot_become_markup() {
    assert_eq!(
        escape("<a href=\"&\">\0"),
        "&lt;a href=\"&amp;\"&gt;\u{fffd}"
    );
}
