-- The vendor's documents, what its selectors pointed at, and what was refused.
-- `anchor` is SHA-256 of the root's key, 32 bytes. Instants are seconds since 1970 in UTC.
-- `seal` is SHA-256 over the other columns, checked whenever a row is read.

CREATE TABLE documents (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    anchor       BLOB    NOT NULL CHECK (length(anchor) = 32),
    slot         TEXT    NOT NULL,
    sha256       BLOB    NOT NULL CHECK (length(sha256) = 32),
    valid_from   INTEGER NOT NULL,
    valid_until  INTEGER NOT NULL,
    arrived      INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    seal         BLOB    NOT NULL CHECK (length(seal) = 32),
    issuer_chain BLOB    NOT NULL,
    body         BLOB    NOT NULL,
    UNIQUE (anchor, slot, sha256)
) STRICT;

CREATE INDEX documents_by_issue ON documents (anchor, slot, valid_from DESC, id DESC);

-- The row with the highest id is the present one of its anchor, series and selector.
CREATE TABLE selections (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    anchor   BLOB    NOT NULL CHECK (length(anchor) = 32),
    series   TEXT    NOT NULL,
    selector TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    seal     BLOB    NOT NULL CHECK (length(seal) = 32)
) STRICT;

CREATE INDEX selections_by_series ON selections (anchor, series, selector, id DESC);

-- `size` counts the bytes of the body and of the texts.
CREATE TABLE set_aside (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    anchor      BLOB    NOT NULL CHECK (length(anchor) = 32),
    what        TEXT    NOT NULL,
    body_sha256 BLOB    NOT NULL CHECK (length(body_sha256) = 32),
    arrived     INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    code        TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    seal        BLOB    NOT NULL CHECK (length(seal) = 32),
    body        BLOB    NOT NULL,
    UNIQUE (anchor, what, body_sha256)
) STRICT;
