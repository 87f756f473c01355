-- Platforms, their certificates, what they reported, and who waits to be registered.

CREATE TABLE platforms (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    anchor         BLOB    NOT NULL CHECK (length(anchor) = 32),
    qe_id          TEXT    NOT NULL,
    pce_id         BLOB    NOT NULL CHECK (length(pce_id) = 2),
    fmspc          BLOB    CHECK (length(fmspc) = 6),
    ca             TEXT,
    registered     INTEGER NOT NULL,
    seal           BLOB    NOT NULL CHECK (length(seal) = 32),
    encrypted_ppid BLOB    CHECK (length(encrypted_ppid) = 384),
    manifest       BLOB,
    UNIQUE (anchor, qe_id, pce_id)
) STRICT;

CREATE INDEX platforms_by_family ON platforms (anchor, fmspc, qe_id, pce_id);

-- One answer of the vendor: all certificates of a platform. `size` counts its rows below.
CREATE TABLE pck_sets (
    platform     INTEGER PRIMARY KEY REFERENCES platforms (id) ON DELETE CASCADE,
    fmspc        BLOB    NOT NULL CHECK (length(fmspc) = 6),
    ca           TEXT    NOT NULL,
    arrived      INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    seal         BLOB    NOT NULL CHECK (length(seal) = 32),
    issuer_chain BLOB    NOT NULL
) STRICT;

CREATE INDEX pck_sets_by_arrival ON pck_sets (fmspc, arrived);

-- `certificate` is absent for a TCB for which the vendor has none.
CREATE TABLE pck_certificates (
    platform    INTEGER NOT NULL REFERENCES pck_sets (platform) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    tcbm        BLOB    NOT NULL CHECK (length(tcbm) = 18),
    seal        BLOB    NOT NULL CHECK (length(seal) = 32),
    certificate BLOB,
    PRIMARY KEY (platform, position)
) STRICT;

CREATE INDEX pck_certificates_by_tcb ON pck_certificates (platform, tcbm, position);

-- `selected` is the TCB of a certificate; absent where none is for this one.
CREATE TABLE raw_tcbs (
    platform INTEGER NOT NULL REFERENCES platforms (id) ON DELETE CASCADE,
    cpu_svn  BLOB    NOT NULL CHECK (length(cpu_svn) = 16),
    pce_svn  INTEGER NOT NULL,
    selected BLOB    CHECK (length(selected) = 18),
    seal     BLOB    NOT NULL CHECK (length(seal) = 32),
    PRIMARY KEY (platform, cpu_svn, pce_svn)
) STRICT;

CREATE TABLE evidence (
    id         INTEGER PRIMARY KEY,
    anchor     BLOB    NOT NULL CHECK (length(anchor) = 32),
    ppid       BLOB    NOT NULL CHECK (length(ppid) = 16),
    tee        TEXT    NOT NULL,
    pce_id     BLOB    NOT NULL CHECK (length(pce_id) = 2),
    qe_id      BLOB    NOT NULL CHECK (length(qe_id) = 16),
    fmspc      BLOB    NOT NULL CHECK (length(fmspc) = 6),
    arrived    INTEGER NOT NULL,
    tcb_status TEXT    NOT NULL,
    seal       BLOB    NOT NULL CHECK (length(seal) = 32),
    quote      BLOB    NOT NULL,
    UNIQUE (anchor, ppid, tee)
) STRICT;

-- Nobody else gets a row before `leased_until`; 0 where nobody has taken it.
CREATE TABLE registrations (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    anchor         BLOB    NOT NULL CHECK (length(anchor) = 32),
    qe_id          TEXT    NOT NULL,
    pce_id         BLOB    NOT NULL CHECK (length(pce_id) = 2),
    cpu_svn        BLOB    CHECK (length(cpu_svn) = 16),
    pce_svn        INTEGER,
    state          TEXT    NOT NULL,
    queued         INTEGER NOT NULL,
    leased_until   INTEGER NOT NULL DEFAULT 0,
    seal           BLOB    NOT NULL CHECK (length(seal) = 32),
    encrypted_ppid BLOB    CHECK (length(encrypted_ppid) = 384),
    manifest       BLOB
) STRICT;

CREATE UNIQUE INDEX registrations_by_name ON registrations
    (anchor, qe_id, pce_id, ifnull(cpu_svn, x''), ifnull(pce_svn, -1));
