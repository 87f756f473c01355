-- What the operator decided, every version of it. `body` is absent where a version removes.

CREATE TABLE decisions (
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    author  TEXT    NOT NULL,
    seal    BLOB    NOT NULL CHECK (length(seal) = 32),
    body    TEXT,
    PRIMARY KEY (kind, name, version)
) STRICT;
