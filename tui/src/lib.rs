//! The terminal console: what an on-call engineer looks at.
//!
//! A tour, in the direction that data flows:
//!
//! - [`run`] and [`once`] (`console.rs`) put the parts together.
//! - `poll/`: one task per backend and kind of question. Tasks do all the asking, keep the
//!   backoff and send what they learn as a `Message`.
//! - `message.rs`: everything that can happen to the console.
//! - `update.rs`: the only place that changes the model, a pure function of model and message.
//! - `model/`: what is known (`Data`: readings, histories, alerts, freshness of each answer,
//!   events) and what is looked at (screen, selection, frozen frame).
//! - `keys/`: how keys are written, what can be done by them, and the key map that comes of it and
//!   of what the user chose. Help, footer, clicks and `update` read that one value.
//! - `screens/`: one folder per screen: what is selected, its keys, what it needs, how it is drawn.
//! - `wanted.rs`: what the screen that is shown needs to know; `poll/` follows it.
//! - `commands.rs`: the command line. `deeds.rs`: what the console does besides showing; `runs.rs`:
//!   the experiments that it began; `done.rs`: how it is told what came of that.
//! - `view/`: one file per region, and the charts; a pure function from model to frame.
//! - `picture/`: a frame as SVG.
//! - `event_loop.rs`: waits for input, messages and the next frame, never for I/O.
//! - `bench_support/`: a console that is full of data, for `benches/`.
//! - `terminal.rs`: takes the terminal and gives it back, whatever happens.
//! - `lang.rs`, `locales/`: what it says in English and in other languages.
//! - `theme.rs`: what a state looks like; colour is never the only mark.
//!
//! Invariants: the loop awaits no I/O; `update` and `view` are pure; the last good values stay,
//! marked with their age; missing is not zero and "no alerts" is not "cannot ask"; text from
//! outside is cleaned before it is drawn.

rust_i18n::i18n!("locales", fallback = "en");
// Cargo builds anew when the translations change.
const _: &str = include_str!("../locales/id.toml");

#[doc(hidden)]
pub mod bench_support;
mod bundle;
mod commands;
mod console;
mod deeds;
mod done;
mod event_loop;
mod experiments;
mod kept;
mod keys;
mod lang;
mod message;
mod model;
mod picture;
mod poll;
mod runs;
mod screens;
mod settings;
mod terminal;
mod theme;
mod update;
mod view;
mod wanted;

pub use bundle::{Bundle, BundleError, export};
pub use console::{once, picture, run};
pub use experiments::{Experiment, Experimenter, Offer, Plan, Stage};
pub use kept::Kept;
pub use keys::{BoundKeys, Keys};
pub use settings::{Error, Event, Look, Outcome, Settings, Severity};

#[cfg(test)]
mod tests;
