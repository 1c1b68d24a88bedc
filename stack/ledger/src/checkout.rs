//! A connection of the pool that goes back only after it was used to its end.
//!
//! A call that is cancelled midway leaves its connection in a transaction that nobody ends, in a copy that
//! nobody feeds, or before answers that the next call would take for its own: what that one is told is
//! recorded then is not. The pool does not see any of it, so such a connection is closed.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

/// A connection that is closed when it is dropped, unless its use was [`done`](Self::done).
pub(crate) struct Checkout {
    connection: PoolConnection<Postgres>,
    is_done: bool,
}

impl Checkout {
    /// Takes a connection out of the pool.
    pub(crate) async fn of(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: pool.acquire().await?,
            is_done: false,
        })
    }

    /// Ends the use with what came of it. After an answer of the server, be it a refusal, the connection can
    /// be used again.
    pub(crate) fn done<T>(mut self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.is_done = matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_)));
        outcome
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Checkout {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Checkout {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
