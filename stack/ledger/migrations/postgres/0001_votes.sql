-- COLLATE "C": vote ids are compared byte by byte, whatever the database's language.
CREATE TABLE votes (
    voter          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    vote_id        TEXT COLLATE "C" NOT NULL UNIQUE,
    choice         TEXT   NOT NULL,
    cast_at_ms     BIGINT NOT NULL,
    recorded_at_ms BIGINT NOT NULL
);

CREATE INDEX votes_choice ON votes (choice);
