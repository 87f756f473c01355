-- Who did what. `sha256` chains each row to the one before it.

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    details  TEXT    NOT NULL,
    sha256   BLOB    NOT NULL CHECK (length(sha256) = 32)
) STRICT;

-- The last row of the chain once more: without it nobody could tell that the last rows are gone.
CREATE TABLE audit_head (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    sha256   BLOB    NOT NULL CHECK (length(sha256) = 32)
) STRICT;
