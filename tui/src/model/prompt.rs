//! A line that is being typed: a command, a filter, or what a screen asks for.

use std::borrow::Cow;
use std::ops::Range;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use regex::Regex;
use tui_input::backend::crossterm::EventHandler;

use crate::lang::tr;

/// What the line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A command.
    Command,
    /// A filter of what the screen lists.
    Filter,
    /// A query of the logs.
    LogQuery,
    /// Words to find among the lines that are shown.
    LogSearch,
    /// The file or folder that something is written to.
    ExportPath,
    /// How long an experiment lasts.
    FaultLength,
}

impl Purpose {
    /// What stands before the line.
    pub(crate) fn sign(self) -> Cow<'static, str> {
        let asked = match self {
            Self::Command => return ":".into(),
            Self::Filter => return "/".into(),
            Self::LogQuery => tr!("query"),
            Self::LogSearch => tr!("find"),
            Self::ExportPath => tr!("write to"),
            Self::FaultLength => tr!("how long"),
        };
        format!("{asked}: ").into()
    }
}

/// A line that is being typed.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// What was typed, and where the cursor is.
    pub(crate) input: tui_input::Input,
    /// Why it was not taken.
    pub(crate) error: Option<String>,
    /// How far back in the history it is.
    recalled: Option<usize>,
}

/// What a key did to the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    /// It was changed, or not.
    Edited,
    /// It is complete.
    Entered(String),
    /// It was given up.
    Left,
    /// Its end is wanted.
    Complete,
}

impl Prompt {
    /// A line that begins with `text`.
    pub(crate) fn new(purpose: Purpose, text: impl Into<String>) -> Self {
        Self {
            purpose,
            input: tui_input::Input::new(text.into()),
            error: None,
            recalled: None,
        }
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    /// Replaces what was typed.
    pub(crate) fn set(&mut self, text: impl Into<String>) {
        self.input = tui_input::Input::new(text.into());
    }

    /// Takes a key; `history` holds earlier lines, oldest first.
    pub(crate) fn on_key(&mut self, key: KeyEvent, history: &[String]) -> Typed {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Typed::Entered(self.text().trim().to_owned()),
            KeyCode::Esc => return Typed::Left,
            KeyCode::Char('c') if ctrl => return Typed::Left,
            KeyCode::Backspace if self.text().is_empty() => return Typed::Left,
            KeyCode::Tab => return Typed::Complete,
            KeyCode::Up => self.recall(history, true),
            KeyCode::Down => self.recall(history, false),
            _ => {
                self.input.handle_event(&Input::Key(key));
                self.error = None;
            }
        }
        Typed::Edited
    }

    fn recall(&mut self, history: &[String], back: bool) {
        let last = history.len().checked_sub(1);
        let next = match (self.recalled, back) {
            (None, true) => last,
            (None, false) => return,
            (Some(at), true) => Some(at.saturating_sub(1)),
            (Some(at), false) => Some(at + 1).filter(|at| Some(*at) <= last),
        };
        self.recalled = next;
        let line = next.and_then(|at| history.get(at));
        self.set(line.cloned().unwrap_or_default());
    }
}

/// Keeps what matches, or what does not.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// As it was typed.
    pub(crate) text: String,
    pattern: Regex,
    inverted: bool,
}

impl Filter {
    /// A filter from what was typed: a regular expression without regard to case, `!` before it
    /// inverts. Nothing typed is no filter.
    ///
    /// # Errors
    /// One line that says what is wrong with the expression.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, String> {
        let (inverted, pattern) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if pattern.is_empty() {
            return Ok(None);
        }
        let built = regex::RegexBuilder::new(pattern)
            .case_insensitive(true)
            .size_limit(1 << 20)
            .build();
        let pattern = built.map_err(|error| {
            let told = error.to_string();
            let reason = told.lines().last().unwrap_or_default().trim().to_owned();
            reason.strip_prefix("error: ").unwrap_or(&reason).to_owned()
        })?;
        Ok(Some(Self {
            text: text.to_owned(),
            pattern,
            inverted,
        }))
    }

    /// Where its expression is found in a text; nowhere when it is inverted.
    pub(crate) fn found<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let all = self.pattern.find_iter(text).map(|found| found.range());
        all.filter(|range| !self.inverted && !range.is_empty())
    }

    /// Whether a text is kept.
    pub(crate) fn keeps(&self, text: &str) -> bool {
        self.pattern.is_match(text) != self.inverted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(prompt: &mut Prompt, code: KeyCode, history: &[String]) -> Typed {
        prompt.on_key(KeyEvent::from(code), history)
    }

    #[test]
    fn a_line_is_typed_recalled_and_entered() {
        let history = ["alerts".to_owned(), "range 1h".to_owned()];
        let mut prompt = Prompt::new(Purpose::Command, "");
        typed(&mut prompt, KeyCode::Up, &history);
        assert_eq!(prompt.text(), "range 1h");
        typed(&mut prompt, KeyCode::Up, &history);
        typed(&mut prompt, KeyCode::Up, &history);
        assert_eq!(prompt.text(), "alerts");
        typed(&mut prompt, KeyCode::Down, &history);
        typed(&mut prompt, KeyCode::Down, &history);
        assert_eq!(prompt.text(), "");
        for c in " logs ".chars() {
            typed(&mut prompt, KeyCode::Char(c), &history);
        }
        let entered = Typed::Entered("logs".into());
        assert_eq!(typed(&mut prompt, KeyCode::Enter, &history), entered);
        prompt.set("");
        let left = typed(&mut prompt, KeyCode::Backspace, &history);
        assert_eq!(left, Typed::Left);
    }

    #[test]
    fn filters_ignore_case_and_invert() {
        let keeps = |filter: &str, text: &str| Filter::parse(filter).unwrap().unwrap().keeps(text);
        assert!(keeps("work.*down", "WorkerDown"));
        assert!(!keeps("!worker", "WorkerDown"));
        assert!(keeps("!worker", "RedisDown"));
        assert!(Filter::parse("").unwrap().is_none());
        assert!(Filter::parse("!").unwrap().is_none());
        let reason = Filter::parse("wor(").unwrap_err();
        assert_eq!(reason, "unclosed group");
    }
}
