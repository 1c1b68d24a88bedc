//! Frames in each theme, and in ASCII.

use ratatui::style::Color;

use super::fixtures::{buffer, firing, press, stale, text};
use super::frames::snapshot;
use crate::theme::NAMES;

#[test]
fn ascii_frames_hold_nothing_else_and_keep_every_word() {
    for (name, model) in [("firing", firing()), ("stale", stale())] {
        let usual = text(&model, (80, 24));
        let mut ascii = model;
        ascii.setup.theme = ascii.setup.theme.with_ascii(true);
        snapshot(&format!("ascii_{name}"), &ascii, &[(40, 15), (80, 24)]);
        let told = text(&ascii, (80, 24));
        assert!(told.is_ascii(), "{told}");
        let unknown = |frame: &str| frame.matches('?').count();
        assert_eq!(
            unknown(&told),
            unknown(&usual),
            "a glyph is missing:\n{told}"
        );
        for (line, plain) in usual.lines().zip(told.lines()) {
            let words = |line: &str| -> Vec<String> {
                let letters = line.split(|c: char| !c.is_ascii_alphanumeric());
                letters
                    .filter(|word| word.len() > 1)
                    .map(Into::into)
                    .collect()
            };
            assert_eq!(words(line), words(plain));
        }
    }
}

#[test]
fn every_theme_shows_the_same_text_and_can_be_changed_to() {
    let mut model = firing();
    let usual = text(&model, (120, 40));
    for name in NAMES {
        press(&mut model, &format!(":theme {name}\r"));
        assert_eq!(text(&model, (120, 40)), usual, "{name}");
        let frame = buffer(&model, (120, 40));
        let painted = frame.content.iter().all(|cell| cell.bg != Color::Reset);
        let paints = matches!(name, "light" | "high-contrast");
        assert_eq!(painted, paints, "{name}");
    }
    press(&mut model, ":theme pink\r");
    assert!(text(&model, (120, 40)).contains("no theme \"pink\""));
}
