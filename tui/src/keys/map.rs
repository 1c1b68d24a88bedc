//! The key map that is in force: what `update`, the help, the footer, clicks and every text that
//! names a key read.

use crossterm::event::KeyEvent;

use super::binding::{self, Binding, Spot};
use super::chosen::Keys;
use super::key::Key;
use super::{Action, Place};
use crate::lang::{en, tr};

/// The bindings with the keys that they have.
#[derive(Debug, Clone)]
pub(crate) struct KeyMap {
    bound: Vec<Bound>,
}

/// A binding with the keys that it has, none perhaps.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// What is bound.
    pub(crate) binding: &'static Binding,
    /// Any of these does it.
    pub(crate) keys: Vec<Key>,
}

impl Bound {
    /// All keys, as they are told to a person.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.keys.iter().map(Key::to_string).collect();
        names.join(" ")
    }
}

impl Default for KeyMap {
    /// The usual keys.
    fn default() -> Self {
        Self::new(&Keys::default())
    }
}

impl KeyMap {
    /// The usual keys, with those that the user chose in their place.
    pub(crate) fn new(chosen: &Keys) -> Self {
        let bound = binding::all().map(|binding| Bound {
            keys: chosen.of(binding).to_vec(),
            binding,
        });
        Self {
            bound: bound.collect(),
        }
    }

    /// Every binding, in the order of the help.
    pub(super) fn all(&self) -> &[Bound] {
        &self.bound
    }

    /// The bindings that work at a spot.
    pub(crate) fn active(&self, spot: Spot) -> impl Iterator<Item = &Bound> {
        let all = self.bound.iter();
        all.filter(move |bound| bound.binding.place.covers(spot))
    }

    /// What a key does at a spot.
    pub(crate) fn action(&self, event: KeyEvent, spot: Spot) -> Option<Action> {
        let pressed = Key::from(event);
        self.active(spot)
            .find(|bound| bound.keys.contains(&pressed))
            .map(|bound| bound.binding.action)
    }

    /// The first key of each of these actions at a spot, as they are told to a person; `None`
    /// when none of them has a key.
    pub(crate) fn told(&self, spot: Spot, actions: &[Action]) -> Option<String> {
        let first = actions.iter().filter_map(|action| {
            let mut of_it = self.active(spot).filter(|b| b.binding.action == *action);
            of_it.find_map(|bound| bound.keys.first())
        });
        let names: Vec<_> = first.map(Key::to_string).collect();
        Some(names.join(" ")).filter(|names| !names.is_empty())
    }

    /// Keys and what they do at a spot, `x expire   j k choose`; what has no key is left out.
    pub(crate) fn hints(&self, spot: Spot, hints: &[(&[Action], &'static str)]) -> String {
        let told = hints.iter().filter_map(|(actions, word)| {
            let keys = self.told(spot, actions)?;
            Some(format!("{keys} {}", tr!(*word)))
        });
        told.collect::<Vec<_>>().join("   ")
    }

    /// The keys that answer a screen's question, `y yes   n no`.
    pub(crate) fn answers(&self) -> String {
        let answers: [(&[Action], _); 2] = [
            (&[Action::Confirm], en!("yes")),
            (&[Action::Decline], en!("no")),
        ];
        self.hints(Spot::Confirm, &answers)
    }

    /// Keys that mean two things at one spot, one line each.
    pub(super) fn conflicts(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        for spot in Spot::all() {
            let active: Vec<_> = self.active(spot).collect();
            for (index, one) in active.iter().enumerate() {
                for other in &active[index + 1..] {
                    let shared = one.keys.iter().filter(|key| other.keys.contains(key));
                    conflicts.extend(shared.map(|key| {
                        let (one, other) = (one.binding.name, other.binding.name);
                        format!("{key} means both {one} and {other}; choose another for one")
                    }));
                }
            }
        }
        // Two bindings that meet on several screens are told once.
        conflicts.sort();
        conflicts.dedup();
        conflicts
    }
}

/// Whether a binding has to keep a key, or Ctrl-C itself, so that nobody is held captive.
pub(super) fn refusal(binding: &Binding, keys: &[Key]) -> Option<String> {
    let name = binding.name;
    let is_question = matches!(binding.place, Place::Confirm | Place::Question);
    if binding.action == Action::Interrupt && !binding.usual.iter().all(|key| keys.contains(key)) {
        let usual = binding.usual.iter().map(Key::to_string);
        let usual: Vec<_> = usual.collect();
        Some(format!(
            "{name}: {} has to be among its keys",
            usual.join(" ")
        ))
    } else if is_question && keys.is_empty() {
        Some(format!("{name}: a question needs a key for every answer"))
    } else {
        None
    }
}
