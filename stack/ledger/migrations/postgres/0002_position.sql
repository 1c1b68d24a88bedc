-- The order of a voter's votes: their places in the stream (voteops_queue::Position). Votes recorded
-- before there were places come first. A constant default: no row is written, whatever there is.
ALTER TABLE votes ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
