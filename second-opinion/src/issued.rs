//! What the issuer writes, before anything is changed.

use bulla_collateral::SignedText;
use bulla_evidence::Quote;
use bulla_issuer::{
    CertificationKind, PckCa, QuoteBody, QuoteKind, Scenario, Seed, YEAR, sign_text,
};
use bulla_pki::{Timestamp, Window};
use bulla_verifier::{OwnedBody, Verdict};

use crate::draft::{Draft, Part};
use crate::random::Random;
use crate::recorded::Recorded;

/// The seed of the vendor under whose root everything is signed.
const VENDOR: &str = "second opinion";

/// The instant at which the issuer's scenarios are valid.
const AT: &str = "2026-11-23T00:00:00Z";

const CERTIFICATIONS: [CertificationKind; 5] = [
    CertificationKind::PckChain,
    CertificationKind::PckLeaf,
    CertificationKind::PpidClear,
    CertificationKind::PpidRsa2048,
    CertificationKind::PpidRsa3072,
];

/// Every kind of evidence that the issuer writes.
pub(crate) struct Issued {
    /// One of each kind, of each CA, with each kind of certification data.
    pub(crate) all: Vec<Template>,
    /// The same kinds of another vendor, with the chain in the quote.
    pub(crate) of_another_vendor: Vec<Template>,
    /// Genuine documents and reports, signed by the issuer.
    pub(crate) genuine: Vec<Template>,
}

/// A scenario, signed once.
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) draft: Draft,
    /// How often it is chosen. What the other side always refuses teaches little.
    pub(crate) weight: u32,
}

impl Issued {
    /// Signs one of each kind, and the genuine documents again.
    ///
    /// `genuine` are cases with what bulla says about them: its reading of the platform is taken
    /// over.
    pub(crate) fn new(genuine: &[(&Recorded, Verdict)]) -> Self {
        let mut bases = Bases::default();
        Self {
            all: templates(VENDOR, &CERTIFICATIONS),
            of_another_vendor: templates("another vendor", &CERTIFICATIONS[..1]),
            genuine: genuine
                .iter()
                .filter_map(|(case, verdict)| resigned(case, verdict, &mut bases))
                .collect(),
        }
    }

    /// The root of the vendor, DER.
    pub(crate) fn root_der() -> Vec<u8> {
        scenario(VENDOR, PckCa::Processor, QuoteKind::SgxV3)
            .vendor
            .root_certificate()
    }

    /// One of `templates`, by weight.
    pub(crate) fn pick<'a>(templates: &'a [Template], random: &mut Random) -> &'a Template {
        let weights: Vec<u32> = templates.iter().map(|template| template.weight).collect();
        &templates[random.weighted(&weights)]
    }
}

fn scenario(seed: &str, ca: PckCa, kind: QuoteKind) -> Scenario {
    let at = AT.parse().expect("a time");
    let mut scenario = Scenario::certified_by(ca, &Seed::from(seed), kind, at);
    // One root certificate for all, valid for genuine documents too.
    scenario.vendor.root.certificate.validity = always();
    scenario
}

fn templates(seed: &str, certifications: &[CertificationKind]) -> Vec<Template> {
    let mut templates = Vec::new();
    for kind in QuoteKind::ALL {
        for ca in [PckCa::Processor, PckCa::Platform] {
            for certification in certifications {
                let mut scenario = scenario(seed, ca, kind);
                scenario.certification = *certification;
                let of_kind = match kind {
                    QuoteKind::SgxV3 => 40,
                    QuoteKind::Td10V4 => 30,
                    QuoteKind::Td10V5 => 10,
                    QuoteKind::Td15V5 => 40,
                    QuoteKind::Td15ExV5 => 10,
                    QuoteKind::SgxV4 | QuoteKind::SgxV5 => 1,
                };
                let of_certification = match certification {
                    CertificationKind::PckChain => 16,
                    _ => 1,
                };
                templates.push(Template {
                    name: format!("{kind:?} of the {} CA, {certification:?}", ca.as_str()),
                    draft: Draft::new(scenario),
                    weight: of_kind * of_certification,
                });
            }
        }
    }
    templates
}

/// The genuine content of a case under the issuer's root: the text of both documents, the body of
/// the quote, the report of the quoting enclave, and what the certificate says of the platform.
fn resigned(case: &Recorded, verdict: &Verdict, bases: &mut Bases) -> Option<Template> {
    let quote = Quote::parse(&case.quote).ok()?;
    let evidence = verdict.evidence.as_ref()?;
    let platform = evidence.platform?;
    let (kind, body) = match &evidence.body {
        OwnedBody::Sgx(body) => (QuoteKind::SgxV3, QuoteBody::Sgx(*body)),
        OwnedBody::Td10(body) => (QuoteKind::Td10V4, QuoteBody::Td10(*body)),
        OwnedBody::Td15(body) => (QuoteKind::Td15V5, QuoteBody::Td15(*body)),
        OwnedBody::Td15Ex(body) => (QuoteKind::Td15ExV5, QuoteBody::Td15Ex(*body)),
    };
    // The other side cannot read TCB info of version 2; the recorded cases show that often enough.
    let has_id = case.collateral.tcb_info.body.starts_with(br#"{"id":"#);
    if !has_id || quote.version() != kind.version() {
        return None;
    }
    let ca = match platform.ca {
        bulla_verifier::PckCa::Processor => PckCa::Processor,
        bulla_verifier::PckCa::Platform => PckCa::Platform,
    };
    let mut draft = bases.get(ca, kind);
    let scenario = &mut draft.scenario;
    scenario.at = case.at;
    scenario.quote.header = *quote.header();
    scenario.quote.body = body;
    scenario.quote.qe_report = *quote.auth().qe_report;
    scenario.quote.qe_auth = quote.auth().qe_auth.to_vec();
    let sgx = &mut scenario.sgx_extension;
    sgx.fmspc = platform.fmspc;
    sgx.pceid = platform.pce_id;
    sgx.cpusvn = platform.components;
    sgx.component_svns = platform.components.map(u32::from).to_vec();
    sgx.pcesvn = platform.pcesvn.into();
    let signer = scenario.vendor.tcb_signer.key.clone();
    for part in [Part::PckCertificate, Part::Body, Part::QeReport] {
        draft.touch(part);
    }
    draft.sign();
    let again = |text: &SignedText| sign_text(text.body.clone(), &signer);
    draft.documents.collateral.tcb_info = again(&case.collateral.tcb_info);
    draft.documents.collateral.qe_identity = again(&case.collateral.qe_identity);
    Some(Template {
        name: format!("content of recorded case {}", case.id),
        draft,
        weight: 1,
    })
}

/// Drafts that were valid whenever genuine documents were, each signed once.
#[derive(Default)]
struct Bases(Vec<(PckCa, QuoteKind, Draft)>);

impl Bases {
    fn get(&mut self, ca: PckCa, kind: QuoteKind) -> Draft {
        let known = self.0.iter().find(|base| (base.0, base.1) == (ca, kind));
        if let Some((_, _, draft)) = known {
            return draft.clone();
        }
        let mut scenario = scenario(VENDOR, ca, kind);
        valid_always(&mut scenario);
        let draft = Draft::new(scenario);
        self.0.push((ca, kind, draft.clone()));
        draft
    }
}

/// From before the first genuine document on.
fn always() -> Window {
    let from = Timestamp::from_unix_seconds(40 * YEAR).expect("a time");
    Window {
        from,
        until: from.saturating_add(100 * YEAR),
    }
}

/// Certificates and CRLs that were valid whenever genuine documents were.
fn valid_always(scenario: &mut Scenario) {
    let vendor = &mut scenario.vendor;
    for authority in [
        &mut vendor.processor_ca,
        &mut vendor.platform_ca,
        &mut vendor.tcb_signer,
    ] {
        authority.certificate.validity = always();
    }
    scenario.pck_certificate.validity = always();
    scenario.pck_crl.validity = always();
    scenario.root_ca_crl.validity = always();
}

/// Moves the platform of a draft to a level near one that its TCB info lists.
pub(crate) fn move_to_a_level(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let info = bulla_collateral::TcbInfo::parse(&draft.documents.collateral.tcb_info.body).ok()?;
    let levels: Vec<_> = info.tcb_levels.iter().collect();
    let level = *random.pick(&levels);
    let platform = &mut draft.scenario.sgx_extension;
    for (index, demanded) in level.sgx_components.iter().enumerate() {
        let noise = if random.one_in(20) {
            random.range(-1, 1) as i8
        } else {
            0
        };
        let svn = demanded.saturating_add_signed(noise);
        platform.cpusvn[index] = svn;
        platform.component_svns[index] = svn.into();
    }
    let noise = if random.one_in(8) {
        random.range(-1, 1) as i16
    } else {
        0
    };
    platform.pcesvn = level.pcesvn.saturating_add_signed(noise).into();
    draft.touch(Part::PckCertificate);
    if let (Some(demanded), Some(td)) = (level.tdx_components, draft.scenario.quote.body.td10_mut())
        && random.one_in(2)
    {
        // The first two bytes belong to the TDX module, which has levels of its own.
        td.tee_tcb_svn[2..].copy_from_slice(&demanded[2..]);
        draft.touch(Part::Body);
    }
    Some("platform near a TCB level that is listed".to_owned())
}
