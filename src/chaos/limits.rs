//! What an experiment may do on this machine: the `[chaos]` of the configuration.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use voteops_chaos::abort::{Conditions, Watched};
use voteops_local::StackFile;
use voteops_observability::prometheus::Prometheus;

use super::told_length;
use crate::args::SafetyArgs;
use crate::config::{Chaos, Config};
use crate::failure::{CANNOT_ASK, USAGE};
use crate::{Failure, sources};

/// What an experiment is going to do, as far as there are limits to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    pub(super) length: Option<Duration>,
    /// Targets that are touched, of how many.
    pub(super) targets: Option<(usize, usize)>,
    /// Votes or reads in a second.
    pub(super) rate_per_s: Option<f64>,
}

/// Refuses what the configuration does not allow.
///
/// # Errors
/// [`Failure`] that names the limit and where it stands.
pub(super) fn permit(safety: &SafetyArgs, bounds: Bounds) -> Result<(), Failure> {
    let config = Config::read(safety.config.config.as_deref())?;
    match excess(&config.file.chaos, bounds) {
        None => Ok(()),
        Some(reason) => {
            let path = config.path.display();
            let told = format!("{reason}; the limit stands in [chaos] of {path}");
            Err(Failure::new(USAGE, told))
        }
    }
}

/// Sees that a stack that is protected is meant.
///
/// # Errors
/// [`Failure`] that tells the name that was to be given.
pub(super) fn confirm(safety: &SafetyArgs) -> Result<(), Failure> {
    let config = Config::read(safety.config.config.as_deref())?;
    match &config.file.chaos.protected {
        Some(name) => confirm_name(name, safety.confirm.as_deref()),
        None => Ok(()),
    }
}

/// The limits, for whoever does not know yet what it will do.
pub(super) fn read(safety: &SafetyArgs) -> Result<Chaos, Failure> {
    let config = Config::read(safety.config.config.as_deref())?;
    Ok(config.file.chaos)
}

/// Which limit is exceeded, and by what.
fn excess(limits: &Chaos, bounds: Bounds) -> Option<String> {
    if let (Some(longest), Some(length)) = (limits.longest, bounds.length)
        && length > longest
    {
        let (length, longest) = (told_length(length), told_length(longest));
        return Some(format!(
            "--for {length}: no fault may last longer than {longest}"
        ));
    }
    if let (Some(most), Some((touched, there))) = (limits.most_share, bounds.targets)
        && share(touched, there) > most + 1e-9
    {
        return Some(format!(
            "{touched} of {there} would be touched, and no more than {:.0} % may be",
            most * 100.0
        ));
    }
    if let (Some(highest), Some(rate)) = (limits.highest_rate, bounds.rate_per_s)
        && rate > highest
    {
        return Some(format!("{rate}/s: no load may be above {highest}/s"));
    }
    None
}

fn share(touched: usize, there: usize) -> f64 {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(touched) / number(there).max(1.0)
}

/// By its name as an argument, or typed.
fn confirm_name(name: &str, given: Option<&str>) -> Result<(), Failure> {
    let typed = match given {
        Some(given) => given.to_owned(),
        None if std::io::stdin().is_terminal() => {
            eprint!("This stack is protected. Type its name, {name}, to go on: ");
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line.trim().to_owned()
        }
        None => String::new(),
    };
    if typed == name {
        return Ok(());
    }
    let told = format!("this stack is protected: give --confirm {name} when it is meant");
    Err(Failure::new(USAGE, told))
}

/// Begins to check the stop conditions: on the Prometheus that is named, else on the stack's.
pub(super) async fn watch(
    safety: &SafetyArgs,
    stack: Option<&StackFile>,
) -> Result<Option<Watched>, Failure> {
    if safety.abort_if.is_empty() {
        return Ok(None);
    }
    let prometheus = match (&safety.abort_prometheus, stack) {
        (Some(url), _) => Prometheus::new(url)?,
        (None, Some(stack)) => sources::of_stack(stack)?.sources.prometheus,
        (None, None) => {
            let told = "--abort-if: name the Prometheus that checks it with --abort-prometheus URL";
            return Err(Failure::new(USAGE, told));
        }
    };
    watch_on(safety, &prometheus).await
}

/// The same, on the Prometheus of the proof unless another is named.
pub(super) async fn watch_at(
    safety: &SafetyArgs,
    usual: &Prometheus,
) -> Result<Option<Watched>, Failure> {
    if safety.abort_if.is_empty() {
        return Ok(None);
    }
    let named = safety.abort_prometheus.as_ref().map(Prometheus::new);
    let named = named.transpose()?;
    watch_on(safety, named.as_ref().unwrap_or(usual)).await
}

async fn watch_on(
    safety: &SafetyArgs,
    prometheus: &Prometheus,
) -> Result<Option<Watched>, Failure> {
    let conditions = Conditions::new(prometheus, safety.abort_if.clone());
    let watched = conditions.watch().await;
    watched.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Chaos {
        Chaos {
            longest: Some(Duration::from_mins(5)),
            most_share: Some(0.5),
            highest_rate: Some(1000.0),
            protected: None,
            marks: None,
        }
    }

    #[test]
    fn what_is_within_the_limits_is_allowed_and_what_exceeds_one_is_told_by_it() {
        let within = Bounds {
            length: Some(Duration::from_mins(5)),
            targets: Some((1, 2)),
            rate_per_s: Some(1000.0),
        };
        assert_eq!(excess(&limits(), within), None);
        assert_eq!(excess(&Chaos::default(), within), None);
        for (bounds, told) in [
            (
                Bounds {
                    length: Some(Duration::from_mins(6)),
                    ..within
                },
                "--for 6m00s: no fault may last longer than 5m00s",
            ),
            (
                Bounds {
                    targets: Some((2, 3)),
                    ..within
                },
                "2 of 3 would be touched, and no more than 50 % may be",
            ),
            (
                Bounds {
                    rate_per_s: Some(1000.5),
                    ..within
                },
                "1000.5/s: no load may be above 1000/s",
            ),
        ] {
            assert_eq!(excess(&limits(), bounds).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_protected_stack_has_to_be_named() {
        confirm_name("shop", Some("shop")).unwrap();
        let told = confirm_name("shop", Some("ship")).unwrap_err().to_string();
        assert!(told.contains("--confirm shop"), "{told}");
    }
}
