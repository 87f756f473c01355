-- What nodes owe each other.

-- Who asks for something outside: until when it is somebody's turn, by the clock of the database, and
-- when it was last asked for with success; 0 where never.
CREATE TABLE bulla.turns (
    anchor BYTEA  NOT NULL CHECK (length(anchor) = 32),
    what   TEXT   COLLATE "C" NOT NULL,
    asked  BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    PRIMARY KEY (anchor, what)
);

-- What may be used once and was, until it ends.
CREATE TABLE bulla.used (
    thing BYTEA  PRIMARY KEY CHECK (length(thing) = 32),
    until BIGINT NOT NULL
);

CREATE INDEX used_by_end ON bulla.used (until);
