//! Drains the vote queue into the ledger.
