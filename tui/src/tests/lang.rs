//! Holds the texts in the code and their translations together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use voteops_observability::signals::{self, Component};
use voteops_observability::slo;

use crate::commands::COMMANDS;
use crate::keys::{KeyMap, Spot};
use crate::lang::{Lang, speaking, tr};
use crate::model::Screen;
use crate::view::marks::MARK_COLUMNS;
use crate::view::text::width;

/// What is translated besides texts that stand in the code: where it comes from is walked below.
const LOOKED_UP: [&str; 18] = [
    "&failure.refusal.full",
    "&failure.refusal.short",
    "&offer.about",
    "&problem",
    "&reading.title",
    "&refusal.full",
    "&signal.title",
    "&slo.title",
    "*name",
    "*word",
    "bound.binding.about",
    "bound.binding.hint",
    "column.title",
    "command.about",
    "component.title()",
    "prompt",
    "source",
    "word",
];

/// Texts that others give the console, with the code that gives them.
const GIVEN: [(&str, &str); 2] = [
    (
        include_str!("../../../observability/src/logs/mod.rs"),
        "log files",
    ),
    (
        include_str!("../../../src/up.rs"),
        "Stop the stack and quit?",
    ),
];

/// Where the experiments are described that the console offers.
const OFFERS: [&str; 2] = [
    include_str!("../../../chaos/src/catalogue.rs"),
    include_str!("../../../src/experimenter.rs"),
];

/// What a call of `tr!` or `en!` is given.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// A text.
    Text(String),
    /// An expression for one.
    LookedUp(String),
}

/// The text of a literal, from behind its first quote, and what follows it.
fn literal(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = source.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, &source[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some((_, c)) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    panic!("a literal does not end: {source}");
}

/// The expression up to the comma or parenthesis that ends it.
fn expression(source: &str) -> String {
    let mut depth = 0;
    let end = source.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0 || depth == 0 && c == ','
    });
    source[..end.unwrap()].trim().to_owned()
}

/// What the calls in a source are given.
fn said(source: &str) -> Vec<Said> {
    let calls = source
        .match_indices("tr!(")
        .chain(source.match_indices("en!("));
    // Other macros end like these, `include_str!` for instance.
    let is_whole = |at: usize| !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let calls = calls.filter(|(at, _)| is_whole(*at));
    let calls = calls.map(|(at, call)| {
        let given = source[at + call.len()..].trim_start();
        match given.strip_prefix('"') {
            Some(text) => Said::Text(literal(text).0),
            None => Said::LookedUp(expression(given)),
        }
    });
    calls.collect()
}

/// Every source of the console without its tests.
fn sources() -> Vec<String> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().unwrap() != "tests" {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs")
            {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut paths,
    );
    let sources = paths.iter().map(|path| {
        let source = fs::read_to_string(path).unwrap();
        let tests = source.find("#[cfg(test)]\nmod tests {");
        source[..tests.unwrap_or(source.len())].to_owned()
    });
    sources.collect()
}

/// What badges say of a backend that does not answer.
fn short_reasons() -> BTreeSet<String> {
    let source = include_str!("../../../observability/src/backend/error.rs");
    let (_, short) = source.split_once("pub fn short(&self)").unwrap();
    let (mut short, _) = short.split_once("\n    }\n").unwrap();
    let mut found = BTreeSet::new();
    while let Some((_, after)) = short.split_once('"') {
        let (text, rest) = literal(after);
        short = rest;
        found.insert(text);
    }
    // Those that hold a value are the server's.
    found.retain(|text| !text.contains('{'));
    assert!(found.contains("unreachable"), "{found:?}");
    found
}

/// What the experiments are said to do.
fn offers() -> BTreeSet<String> {
    let described = |source: &'static str| source.split("about: \"").skip(1);
    let offers = OFFERS.into_iter().flat_map(described);
    let found: BTreeSet<_> = offers.map(|rest| literal(rest).0).collect();
    assert!(found.len() > 4, "{found:?}");
    found
}

/// The words of the tables that are translated where they are shown.
fn tables() -> BTreeSet<String> {
    let map = KeyMap::default();
    let spots = Screen::ALL.map(Spot::Screen).into_iter();
    let spots = spots.chain([Spot::Silences, Spot::Confirm, Spot::Question]);
    let bound = spots.flat_map(|spot| map.active(spot));
    let mut found: BTreeSet<String> = bound
        .flat_map(|bound| [bound.binding.about, bound.binding.hint])
        .chain(COMMANDS.iter().map(|command| command.about))
        .chain(Component::ALL.map(Component::title))
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect();
    let signals = signals::shipped(1.0).unwrap().into_iter();
    found.extend(signals.map(|signal| signal.title));
    let slos = slo::shipped(1.0).unwrap().into_iter();
    found.extend(slos.map(|slo| slo.title));
    for (source, text) in GIVEN {
        assert!(source.contains(&format!("{text:?}")), "{text}");
        found.insert(text.to_owned());
    }
    found.extend(offers());
    found.extend(short_reasons());
    found
}

/// Every text that the console says.
fn texts() -> BTreeSet<String> {
    let said: Vec<_> = sources().iter().flat_map(|source| said(source)).collect();
    assert!(said.len() > 300, "only {} were found", said.len());
    let texts = said.into_iter().filter_map(|said| match said {
        Said::Text(text) => Some(text),
        Said::LookedUp(_) => None,
    });
    texts.chain(tables()).collect()
}

/// The translations, by the English text.
pub(super) fn translations() -> BTreeMap<String, String> {
    let all = crate::_rust_i18n_backend().messages_for_locale(Lang::Id.code());
    let all = all.unwrap().into_iter();
    all.map(|(text, translated)| (text.into_owned(), translated.into_owned()))
        .filter(|(text, _)| text != "_version")
        .collect()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    let parts = text.split("%{").skip(1);
    parts.map(|part| part.split('}').next().unwrap()).collect()
}

#[test]
fn calls_are_read_as_the_compiler_reads_them() {
    let source = r#"
        tr!("one")
        tr!(
            "two \"%{x}\" \
                goes on",
            x = tr!(&x.y("a"), z = 1),
        )
        en!("three"), tr!(*word), include_str!("no text")
    "#;
    let mut found = said(source);
    found.sort();
    let text = |text: &str| Said::Text(text.into());
    let looked_up = |text: &str| Said::LookedUp(text.into());
    let expected = [
        text("one"),
        text("three"),
        text("two \"%{x}\" goes on"),
        looked_up("&x.y(\"a\")"),
        looked_up("*word"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn nothing_is_looked_up_that_is_not_walked() {
    let all: Vec<_> = sources().iter().flat_map(|source| said(source)).collect();
    let found: BTreeSet<_> = all
        .iter()
        .filter_map(|said| match said {
            Said::Text(_) => None,
            Said::LookedUp(expression) => Some(expression.as_str()),
        })
        .collect();
    assert_eq!(found, BTreeSet::from(LOOKED_UP));
}

#[test]
fn every_text_is_translated_and_every_translation_is_of_a_text() {
    let (texts, translated) = (texts(), translations());
    let missing: Vec<_> = texts
        .iter()
        .filter(|text| !translated.contains_key(*text))
        .collect();
    assert!(missing.is_empty(), "not in id.toml: {missing:#?}");
    let unused: Vec<_> = translated
        .keys()
        .filter(|text| !texts.contains(*text))
        .collect();
    assert!(unused.is_empty(), "only in id.toml: {unused:#?}");
}

#[test]
fn translations_hold_what_their_texts_hold() {
    for (text, translated) in translations() {
        assert_eq!(placeholders(&text), placeholders(&translated), "{text}");
        assert!(!translated.is_empty(), "{text}");
    }
}

#[test]
fn translations_stand_in_order_within_their_groups() {
    let mut before = String::new();
    for line in include_str!("../../locales/id.toml").lines() {
        let key = match line.strip_prefix('"') {
            Some(quoted) => literal(quoted).0,
            None => line.split(" = ").next().unwrap().to_owned(),
        };
        if line.is_empty() || line.starts_with('#') {
            before.clear();
        } else {
            assert!(before < key, "{key} comes before {before}");
            before = key;
        }
    }
}

/// Words that stand in columns are as short as their room, in every language.
#[test]
fn words_fit_their_columns() {
    let limits: [(usize, &[&str]); 8] = [
        // A glyph stands before the word of a state, and its time after it.
        (MARK_COLUMNS - " 59m59s".len() - 2, &["FIRING"]),
        (MARK_COLUMNS - " 59:59".len() - 2, &["PENDING"]),
        (
            MARK_COLUMNS - 2,
            &[
                "breached",
                "cannot ask",
                "connecting",
                "limit unknown",
                "no data",
                "no rule",
                "over",
                "rule error",
                "unknown",
                "under",
                "was FIRING",
                "was PENDING",
            ],
        ),
        // The columns of the alerts' table.
        (9, &["alert if", "value", "now"]),
        (7, &["since"]),
        // Those of chaos and targets.
        (8, &["began", "never", "scraped", "took"]),
        (7, &["asking", "away", "ok", "silent"]),
        // The fields of a silence.
        (
            9,
            &["because", "by", "for", "id", "matchers", "silences", "time"],
        ),
    ];
    for lang in [Lang::En, Lang::Id] {
        for (columns, words) in limits {
            for word in words {
                let told = speaking(lang, || tr!(*word).into_owned());
                assert!(width(&told) <= columns, "{word}: {told} is too long");
            }
        }
        speaking(lang, || {
            for (told, columns) in [
                (tr!("stale %{age}", age = "59m59s"), MARK_COLUMNS - 2),
                (tr!("running, %{left} left", left = "59:59"), 19),
                (tr!("active %{left} left", left = "23h59m"), 20),
                (tr!("begins in %{left}", left = "23h59m"), 20),
                (tr!("over for %{age}", age = "23h59m"), 20),
                (tr!("budget %{share} left", share = "97.2%"), 18),
                (tr!("budget not known"), 18),
            ] {
                assert!(width(&told) <= columns, "{told} is too long");
            }
        });
    }
}
