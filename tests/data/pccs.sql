-- The tables of Intel's cache (PCCS 1.27, SQLite, schema 5), as its documents and scripts describe them.
CREATE TABLE umzug (name VARCHAR(255) PRIMARY KEY);
CREATE TABLE platforms (qe_id VARCHAR(255), pce_id VARCHAR(255), platform_manifest BLOB,
    enc_ppid BLOB, fmspc VARCHAR(255), ca VARCHAR(255), created_time DATETIME, updated_time DATETIME,
    PRIMARY KEY (qe_id, pce_id));
CREATE TABLE platform_tcbs (qe_id VARCHAR(255), pce_id VARCHAR(255), cpu_svn VARCHAR(255),
    pce_svn VARCHAR(255), tcbm VARCHAR(255), created_time DATETIME, updated_time DATETIME,
    PRIMARY KEY (qe_id, pce_id, cpu_svn, pce_svn));
CREATE TABLE pck_cert (qe_id VARCHAR(255), pce_id VARCHAR(255), tcbm VARCHAR(255), pck_cert BLOB,
    created_time DATETIME, updated_time DATETIME, PRIMARY KEY (qe_id, pce_id, tcbm));
CREATE TABLE platforms_registered (qe_id VARCHAR(255), pce_id VARCHAR(255), cpu_svn VARCHAR(255),
    pce_svn VARCHAR(255), enc_ppid BLOB, platform_manifest BLOB, state INTEGER,
    created_time DATETIME, updated_time DATETIME, PRIMARY KEY (qe_id, pce_id, cpu_svn, pce_svn));
CREATE TABLE fmspc_tcbs (fmspc VARCHAR(255), type INTEGER, version INTEGER,
    update_type VARCHAR(255), tcbinfo BLOB, root_cert_id INTEGER, signing_cert_id INTEGER,
    created_time DATETIME, updated_time DATETIME, PRIMARY KEY (fmspc, type, version, update_type));
CREATE TABLE enclave_identities (id INTEGER, version INTEGER, update_type VARCHAR(255),
    identity BLOB, root_cert_id INTEGER, signing_cert_id INTEGER, created_time DATETIME,
    updated_time DATETIME, PRIMARY KEY (id, version, update_type));
CREATE TABLE pck_crl (ca VARCHAR(255) PRIMARY KEY, pck_crl BLOB, root_cert_id INTEGER,
    intmd_cert_id INTEGER, created_time DATETIME, updated_time DATETIME);
CREATE TABLE pck_certchain (ca VARCHAR(255) PRIMARY KEY, root_cert_id INTEGER,
    intmd_cert_id INTEGER, created_time DATETIME, updated_time DATETIME);
CREATE TABLE pcs_certificates (id INTEGER PRIMARY KEY, cert BLOB, crl BLOB, created_time DATETIME,
    updated_time DATETIME);
CREATE TABLE crl_cache (cdp_url VARCHAR(255) PRIMARY KEY, crl BLOB, created_time DATETIME,
    updated_time DATETIME);
CREATE TABLE appraisal_policies (id VARCHAR(255) PRIMARY KEY, type INTEGER, policy TEXT,
    is_default BOOLEAN, fmspc VARCHAR(255), created_time DATETIME, updated_time DATETIME);
CREATE TABLE pcs_version (id INTEGER PRIMARY KEY, api_version INTEGER, server_addr VARCHAR(255),
    db_version INTEGER, created_time DATETIME, updated_time DATETIME);
INSERT INTO pcs_version VALUES (1, 4, 'api.trustedservices.intel.com', 5, '', '');
