CREATE TABLE votes (
    voter          TEXT    NOT NULL PRIMARY KEY,
    vote_id        TEXT    NOT NULL UNIQUE,
    choice         TEXT    NOT NULL,
    cast_at_ms     INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX votes_choice ON votes (choice);
