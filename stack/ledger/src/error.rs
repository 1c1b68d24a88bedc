//! Why the ledger did not do what it was asked.

use sqlx::migrate::MigrateError;

/// Why the ledger did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL does not name a database.
    #[error("{0}; a ledger URL reads sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Url(String),
    /// The database is there but cannot be used: a path that cannot be opened, a wrong password, a
    /// schema that is not the ledger's.
    #[error("cannot open the ledger: {0}")]
    Open(String),
    /// The database is busy or cannot be reached: try again later.
    #[error("the ledger is away: {0}")]
    Away(String),
    /// The database can never hold these votes.
    #[error("the ledger refused: {0}")]
    Data(String),
}

impl Error {
    /// Whether recording the same votes again can never succeed.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Data(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let message = error.to_string();
        match &error {
            sqlx::Error::Encode(_) => Self::Data(message),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if database
                    .try_downcast_ref::<sqlx::sqlite::SqliteError>()
                    .is_some()
                {
                    from_sqlite(code.parse().unwrap_or_default(), message)
                } else {
                    from_postgres(&code, message)
                }
            }
            _ => Self::Away(message),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        from_sqlite(code.unwrap_or_default(), error.to_string())
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => match Self::from(error) {
                Self::Data(message) => Self::Open(message),
                other => other,
            },
            other => Self::Open(other.to_string()),
        }
    }
}

/// Result codes: <https://www.sqlite.org/rescode.html>. The low byte is the primary code.
fn from_sqlite(code: i32, message: String) -> Error {
    const PERM: i32 = 3;
    const READONLY: i32 = 8;
    const CANTOPEN: i32 = 14;
    const TOOBIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    const NOTADB: i32 = 26;
    match code & 0xff {
        TOOBIG | CONSTRAINT | MISMATCH => Error::Data(message),
        PERM | READONLY | CANTOPEN | NOTADB => Error::Open(message),
        _ => Error::Away(message),
    }
}

/// Classes of codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn from_postgres(code: &str, message: String) -> Error {
    match code.get(..2) {
        // Data exception, integrity constraint violation.
        Some("22" | "23") => Error::Data(message),
        // Invalid authorization, no such database, no such table or no right to it.
        Some("28" | "3D" | "42") => Error::Open(message),
        _ => Error::Away(message),
    }
}
