//! The main database of votes: SQLite embedded, or PostgreSQL.
