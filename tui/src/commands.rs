//! The command line: what can be entered after `:`, and how it is completed.

use std::time::Duration;

use crate::lang::{self, Lang, tr};
use crate::model::Screen;
use crate::theme;

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Go to a screen.
    Show(Screen),
    /// Show the logs that a query selects.
    Logs(String),
    /// Show so much time.
    Range(Duration),
    /// Follow the clock again.
    Live,
    /// Chart an expression.
    Query(String),
    /// Go on with the context of this name.
    Context(String),
    /// Look like this.
    Theme(String),
    /// Speak this language.
    Lang(Lang),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Show the help.
    Help,
    /// Leave.
    Quit,
}

/// A command's name, what may follow it, and what it does.
pub(crate) struct Command {
    /// Its name; the help and the completion tell this one.
    pub(crate) name: &'static str,
    /// What follows it, empty when nothing does.
    pub(crate) takes: &'static str,
    /// What it does.
    pub(crate) about: &'static str,
}

const fn command(name: &'static str, takes: &'static str, about: &'static str) -> Command {
    Command { name, takes, about }
}

/// Every command.
pub(crate) const COMMANDS: [Command; 18] = [
    command("overview", "", "the pipeline and all signals"),
    command("app", "", "the vote app's charts"),
    command("redis", "", "Redis's charts"),
    command("worker", "", "the workers' charts"),
    command("alerts", "", "every alert rule"),
    command(
        "logs",
        "[QUERY]",
        "the logs, or those that a LogQL query selects",
    ),
    command("chaos", "", "experiments"),
    command("targets", "", "scrape targets and backends"),
    command("query", "EXPR", "chart any PromQL expression"),
    command("range", "DURATION", "show so much time, 15m or 1h30m"),
    command("live", "", "follow the clock again"),
    command("context", "NAME", "look at another service"),
    command(
        "theme",
        "NAME",
        "dark, light, high-contrast, colour-blind or none",
    ),
    command("lang", "en|id", "speak English or Indonesian"),
    command(
        "mouse",
        "on|off",
        "off leaves it to the terminal, to select text",
    ),
    command("help", "", "the keys"),
    command("quit", "", "leave"),
    command("q", "", "leave"),
];

/// Reads a command. A name may be shortened as long as it is clear.
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub(crate) fn parse(line: &str) -> Result<Order, String> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let command = find(name)?;
    let called = format!(":{}", command.name);
    if command.takes.is_empty() && !rest.is_empty() {
        let told = tr!("%{command} takes nothing after it", command = called);
        return Err(told.into());
    }
    let needed = |order: fn(String) -> Order| {
        if rest.is_empty() {
            let line = format!("{called} {}", command.takes);
            Err(tr!("write %{line}", line = line).into())
        } else {
            Ok(order(rest.to_owned()))
        }
    };
    match command.name {
        "overview" => Ok(Order::Show(Screen::Overview)),
        "app" => Ok(Order::Show(Screen::VoteApp)),
        "redis" => Ok(Order::Show(Screen::Redis)),
        "worker" => Ok(Order::Show(Screen::Worker)),
        "alerts" => Ok(Order::Show(Screen::Alerts)),
        "logs" if rest.is_empty() => Ok(Order::Show(Screen::Logs)),
        "logs" => Ok(Order::Logs(rest.to_owned())),
        "chaos" => Ok(Order::Show(Screen::Chaos)),
        "targets" => Ok(Order::Show(Screen::Targets)),
        "query" => needed(Order::Query),
        "range" => range(rest),
        "live" => Ok(Order::Live),
        "context" => needed(Order::Context),
        "theme" => needed(Order::Theme),
        "lang" => Lang::named(rest)
            .map(Order::Lang)
            .ok_or_else(|| tr!("write :lang en or :lang id").into()),
        "mouse" => match rest {
            "on" => Ok(Order::Mouse(true)),
            "off" => Ok(Order::Mouse(false)),
            _ => Err(tr!("write :mouse on or :mouse off").into()),
        },
        "help" => Ok(Order::Help),
        _ => Ok(Order::Quit),
    }
}

fn find(name: &str) -> Result<&'static Command, String> {
    if let Some(exact) = COMMANDS.iter().find(|command| command.name == name) {
        return Ok(exact);
    }
    let begun: Vec<_> = COMMANDS
        .iter()
        .filter(|command| !name.is_empty() && command.name.starts_with(name))
        .collect();
    match begun.as_slice() {
        [one] => Ok(one),
        [] => Err(tr!(
            "no command %{name}; Tab lists them, :help the keys",
            name = format!("{name:?}")
        )
        .into()),
        several => {
            let names: Vec<_> = several.iter().map(|command| command.name).collect();
            let told = tr!(
                "%{name} may be %{names}",
                name = format!("{name:?}"),
                names = names.join(", ")
            );
            Err(told.into())
        }
    }
}

fn range(text: &str) -> Result<Order, String> {
    let given = voteops_observability::units::parse_duration(text).map_err(|_| {
        tr!(
            "%{text} is no length of time; write :range 15m or 1h30m",
            text = format!("{text:?}")
        )
    })?;
    if (Duration::from_mins(1)..=Duration::from_hours(24 * 7)).contains(&given) {
        Ok(Order::Range(given))
    } else {
        Err(tr!("a range is between 1m and 7d").into())
    }
}

/// What the line may go on with: whole lines, best first.
pub(crate) fn complete(line: &str, contexts: &[String]) -> Vec<String> {
    let Some((name, rest)) = line.split_once(' ') else {
        let names = COMMANDS
            .iter()
            .filter(|command| command.name.starts_with(line));
        return names
            .map(|command| {
                let gap = if command.takes.is_empty() { "" } else { " " };
                format!("{}{gap}", command.name)
            })
            .collect();
    };
    let words: Vec<&str> = match name {
        "context" => contexts.iter().map(String::as_str).collect(),
        "theme" => theme::NAMES.to_vec(),
        "lang" => lang::NAMES.to_vec(),
        "mouse" => vec!["on", "off"],
        "range" => vec!["5m", "15m", "1h", "6h", "1d"],
        _ => Vec::new(),
    };
    let begun = words.iter().filter(|word| word.starts_with(rest));
    begun.map(|word| format!("{name} {word}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_with_what_follows_them() {
        for (line, order) in [
            ("alerts", Order::Show(Screen::Alerts)),
            ("al", Order::Show(Screen::Alerts)),
            ("logs", Order::Show(Screen::Logs)),
            (
                "logs {service=\"worker\"} |= \"error\"",
                Order::Logs("{service=\"worker\"} |= \"error\"".into()),
            ),
            ("range 1h30m", Order::Range(Duration::from_mins(90))),
            ("query  rate(x[1m])", Order::Query("rate(x[1m])".into())),
            ("mouse off", Order::Mouse(false)),
            ("q", Order::Quit),
        ] {
            assert_eq!(parse(line), Ok(order), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_would_be_right() {
        for (line, told) in [
            ("", "Tab lists them"),
            ("nope", "no command \"nope\""),
            ("l", "may be logs, live"),
            ("range soon", ":range 15m"),
            ("range 1s", "between 1m and 7d"),
            ("query", "write :query EXPR"),
            ("alerts now", "takes nothing"),
            ("mouse maybe", ":mouse on"),
            ("lang", ":lang en"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn tab_completes_names_and_words() {
        let contexts = ["prod".to_owned(), "stage".to_owned()];
        let complete = |line| complete(line, &contexts);
        assert_eq!(complete("ra"), ["range "]);
        assert_eq!(complete("al"), ["alerts"]);
        assert_eq!(complete("theme h"), ["theme high-contrast"]);
        assert_eq!(complete("context p"), ["context prod"]);
        assert!(complete("query up").is_empty());
    }

    #[test]
    fn every_command_can_be_entered_by_its_name() {
        for command in &COMMANDS {
            let line = match command.takes {
                "" => command.name.to_owned(),
                "DURATION" => format!("{} 5m", command.name),
                "on|off" => format!("{} on", command.name),
                "en|id" => format!("{} id", command.name),
                _ => format!("{} x", command.name),
            };
            assert!(parse(&line).is_ok(), "{line}");
        }
    }
}
