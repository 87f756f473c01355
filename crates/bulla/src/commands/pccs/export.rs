//! `bulla pccs export`: what a service keeps, in the form in which Intel's cache takes it.

use bulla_protocol::pccs::{
    self, IdentityDocument, JsonObject, ListedPlatform, PlatformCertificates, PlatformCollateral,
    Request, Source, TcbInfoDocument, Update, Version,
};
use bulla_protocol::pcs::{Enclave, Tee};
use bulla_protocol::value::Pem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::args::{Format, PccsExportArgs};
use crate::commands::collateral::{Answer, counted, headline};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::private_file::PrivateFile;
use crate::render::style::{CAUTION, harmless, paint};
use crate::service::{REFRESH_PATIENCE, Role, Service, Told};

/// Under which address the cache keeps the list of the root.
const ROOT_CRL: &str = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

#[derive(Deserialize)]
struct Listing {
    documents: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    slot: String,
    selected_as: Vec<String>,
    freshness: String,
}

/// A document with its bytes.
#[derive(Deserialize)]
struct Document {
    document: Option<String>,
    document_hex: Option<String>,
    issuer_chain: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    platforms: Vec<Certified>,
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Certified {
    platform: Box<RawValue>,
}

#[derive(Deserialize)]
struct Next {
    qe_id: String,
    pce_id: String,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    output: String,
    size: usize,
    documents: usize,
    platforms: usize,
    tcbs: usize,
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct LeftOut {
    what: String,
    reason: String,
}

pub(super) fn run(args: &PccsExportArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, REFRESH_PATIENCE)?;
    let mut export = Export {
        service: &service,
        collateral: PlatformCollateral {
            root_ca_crl_uri: Some(ROOT_CRL.to_owned()),
            ..PlatformCollateral::default()
        },
        documents: 0,
        left_out: Vec::new(),
    };
    let simulated = export.documents()?;
    export.platforms()?;
    let body = export.collateral.write(Version::V4);
    // Certificates and PPIDs are personal to machines.
    PrivateFile::begin(&args.output)?.finish(&body)?;
    let written = Written {
        output: args.output.display().to_string(),
        size: body.len(),
        documents: export.documents,
        platforms: export.collateral.pck_certificates.len(),
        tcbs: export.collateral.platforms.len(),
        left_out: export.left_out,
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: written,
        })?,
        Format::Text => output.text(&text(&service, simulated, &written))?,
    }
    Ok(Exit::Done)
}

struct Export<'a> {
    service: &'a Service,
    collateral: PlatformCollateral,
    documents: usize,
    left_out: Vec<LeftOut>,
}

impl Export<'_> {
    /// Every document that is in force under a name of the vendor's; whether all is simulated.
    fn documents(&mut self) -> Result<bool> {
        let Told { simulated, value } = self.service.get::<Listing>("/collateral", &[])?;
        for row in value.documents {
            let place = Place::of(&row.slot);
            if row.freshness == "expired" {
                self.leave_out(&row.slot, "it has ended");
                continue;
            }
            let Some(place) = place else {
                self.leave_out(&row.slot, "Intel's cache has no place for it");
                continue;
            };
            let names: Vec<Update> = row.selected_as.iter().filter_map(|it| update(it)).collect();
            if place.has_names() && names.is_empty() {
                self.leave_out(
                    &row.slot,
                    "the vendor gives it out under no name at present",
                );
                continue;
            }
            let query = [("slot", row.slot.as_str())];
            let document = self
                .service
                .get::<Document>("/collateral/document", &query)?;
            self.document(&row.slot, &place, &names, document.value)?;
        }
        Ok(simulated)
    }

    fn document(
        &mut self,
        slot: &str,
        place: &Place,
        names: &[Update],
        document: Document,
    ) -> Result<()> {
        let service = self.service;
        let unknown = |reason: &str| unknown(service, "/collateral/document", reason);
        let chain = document.issuer_chain.unwrap_or_default();
        let chain = Pem::new(chain).map_err(|problem| unknown(&problem.to_string()))?;
        let der = || {
            let digits = document.document_hex.as_deref().unwrap_or_default();
            hex::decode(digits).map_err(|problem| unknown(&problem.to_string()))
        };
        let signed = || {
            let text = document.document.clone().unwrap_or_default();
            JsonObject::new(text).map_err(|problem| unknown(&problem.to_string()))
        };
        let all = &mut self.collateral;
        match place {
            Place::RootCrl => all.root_ca_crl = Some(der()?),
            Place::ProcessorCrl => {
                all.processor_crl = Some(der()?);
                all.processor_chain = Some(chain);
            }
            Place::PlatformCrl => {
                all.platform_crl = Some(der()?);
                all.platform_chain = Some(chain);
            }
            Place::Signed(signed_place) => {
                let kept = match signed_place {
                    Signed::TcbInfo(..) => &mut all.tcb_info_chain,
                    Signed::Identity(_) => &mut all.identity_chain,
                };
                // The cache has one signer for all of a kind.
                if kept.get_or_insert_with(|| chain.clone()) != &chain {
                    self.leave_out(slot, "it has another signer, and the cache knows one");
                    return Ok(());
                }
                let document = signed()?;
                for update in names {
                    match signed_place {
                        Signed::TcbInfo(tee, fmspc) => all.tcb_infos.push(TcbInfoDocument {
                            tee: *tee,
                            fmspc: fmspc.parse().map_err(|_| unknown("a slot has no family"))?,
                            update: *update,
                            document: document.clone(),
                        }),
                        Signed::Identity(enclave) => all.identities.push(IdentityDocument {
                            enclave: *enclave,
                            update: *update,
                            document: document.clone(),
                        }),
                    }
                }
            }
        }
        self.documents += 1;
        Ok(())
    }

    /// Every platform with its certificates, and what it reported.
    fn platforms(&mut self) -> Result<()> {
        let path = "/platforms/certificates";
        let mut after: Option<Next> = None;
        loop {
            let query: Vec<(&str, &str)> = match &after {
                None => Vec::new(),
                Some(next) => vec![
                    ("after_qe_id", next.qe_id.as_str()),
                    ("after_pce_id", next.pce_id.as_str()),
                ],
            };
            let page = self.service.get::<Page>(path, &query)?.value;
            for row in page.platforms {
                let platform = PlatformCertificates::read(row.platform.get().as_bytes());
                let platform =
                    platform.map_err(|it| unknown(self.service, path, &it.to_string()))?;
                self.collateral.pck_certificates.push(platform);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.collateral.platforms = self.reported()?;
        Ok(())
    }

    fn reported(&self) -> Result<Vec<ListedPlatform>> {
        let request = Request::Platforms(Source::Cached(Vec::new()));
        let asked = request.write(Version::V4);
        let path = asked.path.clone();
        let reply = self.service.send(asked, Role::Administrator)?;
        if !reply.parts.status.is_success() {
            return Err(self.service.refused(&reply));
        }
        match pccs::Answer::read(&request, reply.parts) {
            Ok(Ok(pccs::Answer::Platforms { platforms, .. })) => Ok(platforms),
            Err(problem) => Err(unknown(self.service, &path, &problem.to_string())),
            _ => Err(unknown(self.service, &path, "it is no list of platforms")),
        }
    }

    fn leave_out(&mut self, what: &str, reason: &str) {
        self.left_out.push(LeftOut {
            what: what.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

fn unknown(service: &Service, path: &str, reason: &str) -> Error {
    Error::ServiceAnswerUnknown {
        url: format!("{}{path}", service.url),
        reason: reason.to_owned(),
    }
}

/// Where a document stands in the file.
enum Place {
    RootCrl,
    ProcessorCrl,
    PlatformCrl,
    Signed(Signed),
}

enum Signed {
    /// Technology and family.
    TcbInfo(Tee, String),
    Identity(Enclave),
}

impl Place {
    /// The place of a slot, as `bulla collateral list` names it; absent where the cache has none.
    fn of(slot: &str) -> Option<Self> {
        let words: Vec<&str> = slot.split('/').collect();
        Some(match words.as_slice() {
            ["root-ca-crl"] => Self::RootCrl,
            ["pck-crl", "processor"] => Self::ProcessorCrl,
            ["pck-crl", "platform"] => Self::PlatformCrl,
            ["tcb-info", tee, fmspc, "3", _] => {
                let tee = match *tee {
                    "sgx" => Tee::Sgx,
                    "tdx" => Tee::Tdx,
                    _ => return None,
                };
                Self::Signed(Signed::TcbInfo(tee, (*fmspc).to_owned()))
            }
            ["enclave-identity", enclave, _] => Self::Signed(Signed::Identity(match *enclave {
                "qe" => Enclave::SgxQe,
                "td-qe" => Enclave::TdxQe,
                "qve" => Enclave::SgxQve,
                _ => return None,
            })),
            _ => return None,
        })
    }

    /// Whether the vendor gives it out under names.
    fn has_names(&self) -> bool {
        matches!(self, Self::Signed(_))
    }
}

fn update(name: &str) -> Option<Update> {
    match name {
        "standard" => Some(Update::Standard),
        "early" => Some(Update::Early),
        _ => None,
    }
}

fn text(service: &Service, simulated: bool, written: &Written) -> String {
    let title = format!("{} written from {}", harmless(&written.output), service.url);
    let mut text = headline(simulated, &title);
    text.push_str(&format!(
        "{}, {} with certificates, {} reported, {} bytes\n",
        counted(written.documents, "document"),
        counted(written.platforms, "platform"),
        counted(written.tcbs, "TCB"),
        written.size
    ));
    if !written.left_out.is_empty() {
        text.push_str(&format!("\nleft out: {}\n", written.left_out.len()));
    }
    for one in &written.left_out {
        let what = paint(CAUTION, harmless(&one.what));
        text.push_str(&format!("{what}  {}\n", harmless(&one.reason)));
    }
    text
}
