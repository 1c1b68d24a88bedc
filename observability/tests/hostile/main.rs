//! The clients against servers that answer anything.

#[cfg(test)]
mod answers;
