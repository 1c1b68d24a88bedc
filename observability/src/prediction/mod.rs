//! Prediction of when an alert fires.
