//! Output that nobody reads any more.

use std::panic;

/// Ends quietly when the reader of the output is gone, as `head` is after its lines. What is in
/// hand is undone all the same: it is a panic like any other, only not told.
pub fn end_quietly_without_a_reader() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let gone = info.payload_as_str().is_some_and(|told| {
            told.starts_with("failed printing to std") && told.contains("Broken pipe")
        });
        if !gone {
            usual(info);
        }
    }));
}
