-- What the gate releases. `value` is sealed by the service under a key that is not in here; it is
-- absent where the secret was removed. `platforms` are digests of 32 bytes each, one behind the
-- other; absent where any platform may have it.

CREATE TABLE secrets (
    name      TEXT    PRIMARY KEY,
    version   INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    author    TEXT    NOT NULL,
    policy    TEXT    NOT NULL,
    times     INTEGER,
    until     INTEGER,
    platforms BLOB,
    releases  INTEGER NOT NULL,
    seal      BLOB    NOT NULL CHECK (length(seal) = 32),
    value     BLOB
) STRICT;
