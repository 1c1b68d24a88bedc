//! The keys that a user chose in the configuration.

use std::collections::BTreeMap;

use voteops_observability::rules::nearest;

use super::binding::{self, Binding};
use super::key::Key;
use super::map::{KeyMap, refusal};

/// The keys that a user chose in place of the usual ones.
///
/// Lines and forms that are being typed keep their own keys (Enter, Esc, Tab, arrows).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    chosen: BTreeMap<&'static str, Vec<Key>>,
}

/// Something that can be done by keys, as it stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundKeys {
    /// What the configuration calls it.
    pub name: &'static str,
    /// The keys in force, as the configuration writes them; none when it has no key.
    pub keys: Vec<String>,
    /// What it does.
    pub about: &'static str,
    /// Where it works.
    pub place: String,
}

impl Keys {
    /// Reads keys by the names of bindings. The keys of a binding that is named are replaced; no
    /// keys leave it without any.
    ///
    /// # Errors
    /// All that is wrong, one line each: names and keys that are unknown, questions without an
    /// answer, Ctrl-C that no longer interrupts, and keys that mean two things in one place.
    pub fn parse(given: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut chosen = BTreeMap::new();
        for (name, written) in given {
            let Some(binding) = binding::all().find(|binding| binding.name == name) else {
                problems.push(unknown(name));
                continue;
            };
            let before = problems.len();
            let mut keys = Vec::new();
            for text in written {
                match text.parse() {
                    Ok(key) if keys.contains(&key) => {}
                    Ok(key) => keys.push(key),
                    Err(reason) => problems.push(format!("{name}: {reason}")),
                }
            }
            if problems.len() == before {
                problems.extend(refusal(binding, &keys));
            }
            chosen.insert(binding.name, keys);
        }
        let keys = Self { chosen };
        problems.extend(KeyMap::new(&keys).conflicts());
        if problems.is_empty() {
            Ok(keys)
        } else {
            Err(problems)
        }
    }

    /// Every binding with the keys in force, in the order of the help.
    #[must_use]
    pub fn list(&self) -> Vec<BoundKeys> {
        let map = KeyMap::new(self);
        let listed = map.all().iter().map(|bound| BoundKeys {
            name: bound.binding.name,
            keys: bound.keys.iter().map(Key::to_string).collect(),
            about: bound.binding.about,
            place: bound.binding.place.told(),
        });
        listed.collect()
    }

    /// The keys of a binding: those that were chosen, else the usual ones.
    pub(super) fn of(&self, binding: &Binding) -> &[Key] {
        let chosen = self.chosen.get(binding.name);
        chosen.map_or(binding.usual, Vec::as_slice)
    }
}

fn unknown(name: &str) -> String {
    let hint = nearest(name, binding::all().map(|binding| binding.name)).map_or_else(
        || "`voteops config keys` lists them".to_owned(),
        |near| format!("the nearest name is {near}"),
    );
    format!("no binding is called {name:?}; {hint}")
}
