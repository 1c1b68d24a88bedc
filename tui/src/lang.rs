//! The languages that the console speaks. Texts stand in the code in English, inside [`tr!`];
//! `locales/` holds what they are in the others.
//!
//! The language is one of the model's settings. So that it need not be handed to every function
//! that says something, `view` and `update` say once, for as long as they run, what is spoken:
//! what they give depends on the model alone.

use std::cell::Cell;

use crate::settings::Look;

/// A language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lang {
    /// English.
    #[default]
    En,
    /// Indonesian.
    Id,
}

/// The names that `--lang` and `:lang` take: ISO 639-1 codes.
pub(crate) const NAMES: [&str; 2] = ["en", "id"];

impl Lang {
    /// The language of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "en" => Some(Self::En),
            "id" => Some(Self::Id),
            _ => None,
        }
    }

    /// Its ISO 639-1 code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Id => "id",
        }
    }

    /// The language of a look on this machine: see [`Lang::choose`].
    pub(crate) fn of(look: &Look) -> Self {
        Self::choose(look.lang.as_deref(), |name| std::env::var(name).ok())
    }

    /// The language that was asked for; else that of the locale. Of its variables the first that
    /// is set counts (POSIX, Environment Variables, 8.2).
    pub(crate) fn choose(asked: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = || {
            let names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
            let mut set = names.filter_map(variable).filter(|value| !value.is_empty());
            let locale = set.next()?;
            // id_ID.UTF-8: language, territory, character set.
            Self::named(locale.split(['_', '.', '@']).next()?)
        };
        asked
            .and_then(Self::named)
            .or_else(locale)
            .unwrap_or_default()
    }
}

thread_local! {
    static SPOKEN: Cell<Lang> = const { Cell::new(Lang::En) };
}

/// Says something in a language.
pub(crate) fn speaking<T>(lang: Lang, says: impl FnOnce() -> T) -> T {
    /// Goes back to the language before, however `says` ends.
    struct Before(Lang);
    impl Drop for Before {
        fn drop(&mut self) {
            SPOKEN.set(self.0);
        }
    }
    let _before = Before(SPOKEN.replace(lang));
    says()
}

/// What is spoken now.
pub(crate) fn spoken() -> Lang {
    SPOKEN.get()
}

/// A text in the language that is spoken. `%{name}` in it is replaced by the value of that name;
/// a text that is not translated stays as it is.
macro_rules! tr {
    ($text:expr $(, $name:ident = $value:expr)* $(,)?) => {
        ::rust_i18n::t!($text, locale = $crate::lang::spoken().code() $(, $name = $value)*)
    };
}
pub(crate) use tr;

/// A text that is written where nothing is spoken, and translated where it is shown.
macro_rules! en {
    ($text:literal) => {
        $text
    };
}
pub(crate) use en;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_tells_the_language_unless_one_is_asked_for() {
        let of = |asked: Option<&str>, set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Lang::choose(asked, variable)
        };
        assert_eq!(of(None, &[]), Lang::En);
        assert_eq!(of(None, &[("LANG", "id_ID.UTF-8")]), Lang::Id);
        assert_eq!(of(None, &[("LANG", "id"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(of(None, &[("LANG", "id"), ("LC_ALL", "")]), Lang::Id);
        assert_eq!(of(None, &[("LC_MESSAGES", "id_ID")]), Lang::Id);
        assert_eq!(of(Some("en"), &[("LANG", "id_ID")]), Lang::En);
        assert_eq!(of(None, &[("LANG", "de_DE.UTF-8")]), Lang::En);
    }

    #[test]
    fn what_is_spoken_ends_with_what_is_said() {
        assert_eq!(spoken(), Lang::En);
        speaking(Lang::Id, || {
            assert_eq!(tr!("back"), "kembali");
            speaking(Lang::En, || assert_eq!(tr!("back"), "back"));
            assert_eq!(spoken(), Lang::Id);
        });
        let panicked = std::panic::catch_unwind(|| speaking(Lang::Id, || panic!("on purpose")));
        panicked.unwrap_err();
        assert_eq!(spoken(), Lang::En);
        let text = "not translated %{age}";
        assert_eq!(
            speaking(Lang::Id, || tr!(text, age = 5)),
            "not translated 5"
        );
    }
}
