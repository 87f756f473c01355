-- The store in PostgreSQL: the tables that SQLite has after its step 6, with what they mean.
-- Texts are compared by their bytes, whatever the language of the database.

-- What SQLite brings along. Text that is no bytes in hexadecimal digits is none.
CREATE FUNCTION bulla.hex(BYTEA) RETURNS TEXT IMMUTABLE STRICT PARALLEL SAFE LANGUAGE SQL
AS $$ SELECT upper(encode($1, 'hex')) $$;

CREATE FUNCTION bulla.unhex(TEXT) RETURNS BYTEA IMMUTABLE STRICT PARALLEL SAFE LANGUAGE SQL
AS $$ SELECT CASE WHEN $1 ~ '^([0-9A-Fa-f]{2})*$' THEN decode($1, 'hex') END $$;

CREATE TABLE bulla.documents (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anchor       BYTEA  NOT NULL CHECK (length(anchor) = 32),
    slot         TEXT   COLLATE "C" NOT NULL,
    sha256       BYTEA  NOT NULL CHECK (length(sha256) = 32),
    valid_from   BIGINT NOT NULL,
    valid_until  BIGINT NOT NULL,
    arrived      BIGINT NOT NULL,
    source       TEXT   COLLATE "C" NOT NULL,
    seal         BYTEA  NOT NULL CHECK (length(seal) = 32),
    issuer_chain BYTEA  NOT NULL,
    body         BYTEA  NOT NULL,
    UNIQUE (anchor, slot, sha256)
);

CREATE INDEX documents_by_issue ON bulla.documents (anchor, slot, valid_from DESC, id DESC);

CREATE TABLE bulla.selections (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anchor   BYTEA  NOT NULL CHECK (length(anchor) = 32),
    series   TEXT   COLLATE "C" NOT NULL,
    selector TEXT   COLLATE "C" NOT NULL,
    number   BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    seen     BIGINT NOT NULL,
    seal     BYTEA  NOT NULL CHECK (length(seal) = 32)
);

CREATE INDEX selections_by_series ON bulla.selections (anchor, series, selector, id DESC);

CREATE TABLE bulla.set_aside (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anchor      BYTEA  NOT NULL CHECK (length(anchor) = 32),
    what        TEXT   COLLATE "C" NOT NULL,
    body_sha256 BYTEA  NOT NULL CHECK (length(body_sha256) = 32),
    arrived     BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    source      TEXT   COLLATE "C" NOT NULL,
    code        TEXT   COLLATE "C" NOT NULL,
    reason      TEXT   COLLATE "C" NOT NULL,
    seal        BYTEA  NOT NULL CHECK (length(seal) = 32),
    body        BYTEA  NOT NULL,
    UNIQUE (anchor, what, body_sha256)
);

CREATE TABLE bulla.platforms (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anchor         BYTEA  NOT NULL CHECK (length(anchor) = 32),
    qe_id          TEXT   COLLATE "C" NOT NULL,
    pce_id         BYTEA  NOT NULL CHECK (length(pce_id) = 2),
    fmspc          BYTEA  CHECK (length(fmspc) = 6),
    ca             TEXT   COLLATE "C",
    registered     BIGINT NOT NULL,
    seal           BYTEA  NOT NULL CHECK (length(seal) = 32),
    encrypted_ppid BYTEA  CHECK (length(encrypted_ppid) = 384),
    manifest       BYTEA,
    UNIQUE (anchor, qe_id, pce_id)
);

CREATE INDEX platforms_by_family ON bulla.platforms (anchor, fmspc, qe_id, pce_id);

CREATE TABLE bulla.pck_sets (
    platform     BIGINT PRIMARY KEY REFERENCES bulla.platforms (id) ON DELETE CASCADE,
    fmspc        BYTEA  NOT NULL CHECK (length(fmspc) = 6),
    ca           TEXT   COLLATE "C" NOT NULL,
    arrived      BIGINT NOT NULL,
    source       TEXT   COLLATE "C" NOT NULL,
    size         BIGINT NOT NULL,
    seal         BYTEA  NOT NULL CHECK (length(seal) = 32),
    issuer_chain BYTEA  NOT NULL
);

CREATE INDEX pck_sets_by_arrival ON bulla.pck_sets (fmspc, arrived);

CREATE TABLE bulla.pck_certificates (
    platform    BIGINT NOT NULL REFERENCES bulla.pck_sets (platform) ON DELETE CASCADE,
    position    BIGINT NOT NULL,
    tcbm        BYTEA  NOT NULL CHECK (length(tcbm) = 18),
    seal        BYTEA  NOT NULL CHECK (length(seal) = 32),
    certificate BYTEA,
    PRIMARY KEY (platform, position)
);

CREATE INDEX pck_certificates_by_tcb ON bulla.pck_certificates (platform, tcbm, position);

CREATE TABLE bulla.raw_tcbs (
    platform BIGINT NOT NULL REFERENCES bulla.platforms (id) ON DELETE CASCADE,
    cpu_svn  BYTEA  NOT NULL CHECK (length(cpu_svn) = 16),
    pce_svn  BIGINT NOT NULL,
    selected BYTEA  CHECK (length(selected) = 18),
    seal     BYTEA  NOT NULL CHECK (length(seal) = 32),
    PRIMARY KEY (platform, cpu_svn, pce_svn)
);

CREATE TABLE bulla.evidence (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anchor     BYTEA  NOT NULL CHECK (length(anchor) = 32),
    ppid       BYTEA  NOT NULL CHECK (length(ppid) = 16),
    tee        TEXT   COLLATE "C" NOT NULL,
    pce_id     BYTEA  NOT NULL CHECK (length(pce_id) = 2),
    qe_id      BYTEA  NOT NULL CHECK (length(qe_id) = 16),
    fmspc      BYTEA  NOT NULL CHECK (length(fmspc) = 6),
    arrived    BIGINT NOT NULL,
    tcb_status TEXT   COLLATE "C" NOT NULL,
    seal       BYTEA  NOT NULL CHECK (length(seal) = 32),
    quote      BYTEA  NOT NULL,
    UNIQUE (anchor, ppid, tee)
);

CREATE INDEX evidence_of_platforms ON bulla.evidence (anchor, qe_id, pce_id);

CREATE TABLE bulla.registrations (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anchor         BYTEA  NOT NULL CHECK (length(anchor) = 32),
    qe_id          TEXT   COLLATE "C" NOT NULL,
    pce_id         BYTEA  NOT NULL CHECK (length(pce_id) = 2),
    cpu_svn        BYTEA  CHECK (length(cpu_svn) = 16),
    pce_svn        BIGINT,
    state          TEXT   COLLATE "C" NOT NULL,
    queued         BIGINT NOT NULL,
    leased_until   BIGINT NOT NULL DEFAULT 0,
    seal           BYTEA  NOT NULL CHECK (length(seal) = 32),
    encrypted_ppid BYTEA  CHECK (length(encrypted_ppid) = 384),
    manifest       BYTEA
);

CREATE UNIQUE INDEX registrations_by_name ON bulla.registrations
    (anchor, qe_id, pce_id, coalesce(cpu_svn, ''::BYTEA), coalesce(pce_svn, -1));

CREATE TABLE bulla.decisions (
    kind    TEXT   COLLATE "C" NOT NULL,
    name    TEXT   COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    author  TEXT   COLLATE "C" NOT NULL,
    seal    BYTEA  NOT NULL CHECK (length(seal) = 32),
    body    TEXT   COLLATE "C",
    PRIMARY KEY (kind, name, version)
);

CREATE TABLE bulla.audit (
    sequence BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT   COLLATE "C" NOT NULL,
    action   TEXT   COLLATE "C" NOT NULL,
    subject  TEXT   COLLATE "C" NOT NULL,
    details  TEXT   COLLATE "C" NOT NULL,
    sha256   BYTEA  NOT NULL CHECK (length(sha256) = 32)
);

CREATE TABLE bulla.audit_head (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    sequence BIGINT NOT NULL,
    sha256   BYTEA  NOT NULL CHECK (length(sha256) = 32)
);

CREATE TABLE bulla.secrets (
    name      TEXT   COLLATE "C" PRIMARY KEY,
    version   BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    author    TEXT   COLLATE "C" NOT NULL,
    policy    TEXT   COLLATE "C" NOT NULL,
    times     BIGINT,
    until     BIGINT,
    platforms BYTEA,
    releases  BIGINT NOT NULL,
    seal      BYTEA  NOT NULL CHECK (length(seal) = 32),
    value     BYTEA
);
