//! A stand-in for Intel's cache: it answers quoting hosts and verifiers from its database, in the words
//! and headers that Intel's has.

use std::path::Path;

use bulla_protocol::pccs::CrlForm;
use bulla_protocol::pccs::{Operation, Reason, Refusal, Request, Route, RouteRules};
use bulla_protocol::pcs::{Enclave, Selection, Tee};
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status};
use bulla_tests::liar::Liar;
use rusqlite::{Connection, OptionalExtension as _, params};

/// The cache, over the database of a file.
pub(crate) fn open(path: &Path) -> Liar {
    let database = Connection::open(path).expect("a database");
    Liar::raw(move |request| respond(&database, &request))
}

fn respond(database: &Connection, request: &RequestParts) -> ResponseParts {
    let route = match Route::read(&request.method, &request.path, RouteRules::default()) {
        Ok(route) => route,
        Err(refusal) => return refusal.write(),
    };
    match route.request(&request.query, None, b"") {
        Err(refusal) => refusal.write(),
        Ok(read) => found(database, route.operation, &read).unwrap_or_else(|| {
            let reason = match route.operation {
                Operation::PckCertificate => Reason::PlatformUnknown,
                _ => Reason::NoCacheData,
            };
            Refusal::new(reason).write()
        }),
    }
}

const JSON: &str = "application/json; charset=utf-8";

fn found(database: &Connection, operation: Operation, read: &Request<'_>) -> Option<ResponseParts> {
    let bytes = |query: &str, values: &[&dyn rusqlite::ToSql]| -> Option<Vec<u8>> {
        let row = database.query_row(query, values, |row| {
            let value = row.get_ref(0)?;
            Ok(value.as_bytes().expect("bytes").to_vec())
        });
        row.optional().expect("a query")
    };
    let certificate = |id: i64| {
        let text = bytes(
            "SELECT cert FROM pcs_certificates WHERE id = ?1",
            params![id],
        )?;
        Some(String::from_utf8(text).expect("text"))
    };
    let chain = |issuer: i64| Some(format!("{}{}", certificate(issuer)?, certificate(1)?));
    let of_ca = |ca: &str| if ca == "PROCESSOR" { 2 } else { 4 };
    let ok = |media_type: &str, headers: Headers, body: Vec<u8>| ResponseParts {
        status: Status::OK,
        headers: headers.with("Content-Type", media_type),
        body,
    };
    let updated = |selection: &Selection| match selection {
        Selection::Early => "EARLY",
        _ => "STANDARD",
    };
    Some(match read {
        Request::PckCertificate {
            qeid,
            cpusvn,
            pcesvn,
            pceid,
            ..
        } => {
            let reported = params![
                qeid.as_str(),
                pceid.to_string(),
                cpusvn.to_string(),
                pcesvn.to_string()
            ];
            let tcbm = bytes(
                "SELECT tcbm FROM platform_tcbs WHERE (qe_id, pce_id, cpu_svn, pce_svn) = \
                 (?1, ?2, ?3, ?4)",
                reported,
            )?;
            let tcbm = String::from_utf8(tcbm).expect("text");
            let name = params![qeid.as_str(), pceid.to_string()];
            let of = |column: &str| {
                let query =
                    format!("SELECT {column} FROM platforms WHERE (qe_id, pce_id) = (?1, ?2)");
                bytes(&query, name).map(|text| String::from_utf8(text).expect("text"))
            };
            let ca = of("ca")?;
            let headers = Headers::new()
                .with("SGX-TCBm", &*tcbm)
                .with("SGX-FMSPC", of("fmspc")?)
                .with("SGX-PCK-Certificate-CA-Type", &*ca)
                .with("SGX-PCK-Certificate-Issuer-Chain", chain(of_ca(&ca))?);
            let body = bytes(
                "SELECT pck_cert FROM pck_cert WHERE (qe_id, pce_id, tcbm) = (?1, ?2, ?3)",
                params![qeid.as_str(), pceid.to_string(), tcbm],
            )?;
            ok("application/x-pem-file", headers, body)
        }
        Request::PckCrl { ca, form } => {
            let ca = ca.as_str().to_uppercase();
            let der = bytes("SELECT pck_crl FROM pck_crl WHERE ca = ?1", params![ca])?;
            let headers = Headers::new().with("SGX-PCK-CRL-Issuer-Chain", chain(of_ca(&ca))?);
            match form {
                CrlForm::Der => ok("application/pkix-crl", headers, der),
                CrlForm::Hex => {
                    let media_type = "application/x-pem-file; charset=utf-8";
                    ok(media_type, headers, hex::encode(der).into_bytes())
                }
            }
        }
        Request::TcbInfo {
            tee,
            fmspc,
            selection,
        } => {
            let kind = i64::from(*tee == Tee::Tdx);
            let body = bytes(
                "SELECT tcbinfo FROM fmspc_tcbs WHERE (fmspc, type, version, update_type) = \
                 (?1, ?2, 4, ?3)",
                params![fmspc.to_string(), kind, updated(selection)],
            )?;
            ok(
                JSON,
                Headers::new().with("TCB-Info-Issuer-Chain", chain(3)?),
                body,
            )
        }
        Request::EnclaveIdentity { enclave, selection } => {
            let id = match enclave {
                Enclave::SgxQe => 1,
                Enclave::SgxQve => 2,
                _ => 3,
            };
            let body = bytes(
                "SELECT identity FROM enclave_identities WHERE (id, version, update_type) = \
                 (?1, 4, ?2)",
                params![id, updated(selection)],
            )?;
            let headers = Headers::new().with("SGX-Enclave-Identity-Issuer-Chain", chain(3)?);
            ok(JSON, headers, body)
        }
        Request::RootCaCrl => {
            let der = bytes("SELECT crl FROM pcs_certificates WHERE id = 1", &[])?;
            let media_type = "application/pkix-crl; charset=utf-8";
            ok(media_type, Headers::new(), hex::encode(der).into_bytes())
        }
        Request::Crl(uri) => {
            let uri = uri.as_str();
            let der = bytes("SELECT crl FROM crl_cache WHERE cdp_url = ?1", params![uri])?;
            ok("application/pkix-crl", Headers::new(), der)
        }
        other => panic!("{operation:?}: {other:?}"),
    })
}
