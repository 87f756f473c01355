//! The vendor's extension of PCK certificates (Intel: SGX PCK Certificate and CRL Profile
//! Specification).

use der::Tag;
use der::asn1::ObjectIdentifier;

use crate::extension::Extension;
use crate::tlv;

/// OID of the extension; its fields are arcs below it.
pub const SGX_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");

/// The model of memory protection, as its ENUMERATED number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SgxType {
    /// Memory encrypted with integrity and replay protection.
    Standard = 0,
    /// Memory encrypted, of any size.
    Scalable = 1,
    /// As `Scalable`, with integrity protection.
    ScalableWithIntegrity = 2,
}

/// What only a PCK certificate of the Platform CA tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformSpec {
    /// Identifies this installation of a (multi-package) platform.
    pub platform_instance_id: [u8; 16],
    /// Whether packages may be added to the platform.
    pub dynamic_platform: bool,
    /// Whether the vendor keeps the platform's root keys.
    pub cached_keys: bool,
    /// Whether simultaneous multithreading is on.
    pub smt_enabled: bool,
}

/// The contents of the extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SgxExtensionSpec {
    /// Provisioning id: names the processor (package) to the vendor.
    pub ppid: [u8; 16],
    /// Component SVNs: sixteen, each at most 255, in a genuine certificate.
    pub component_svns: Vec<u32>,
    /// SVN of the provisioning certification enclave: at most 65,535 in a genuine certificate.
    pub pcesvn: u32,
    /// The processor's raw SVN; its bytes equal the component SVNs in genuine certificates.
    pub cpusvn: [u8; 16],
    /// Which provisioning certification enclave.
    pub pceid: [u8; 2],
    /// Family, model, stepping, platform type and customization: selects the TCB info.
    pub fmspc: [u8; 6],
    /// Model of memory protection.
    pub sgx_type: SgxType,
    /// Absent in a certificate of the Processor CA.
    pub platform: Option<PlatformSpec>,
}

/// One field: an OID below [`SGX_EXTENSION`] and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which field it is.
    pub oid: ObjectIdentifier,
    /// The value, DER.
    pub value: Vec<u8>,
}

impl Entry {
    /// The field with these arcs below [`SGX_EXTENSION`], for example `[2, 17]` for the PCE SVN.
    pub fn new(arcs: &[u32], value: Vec<u8>) -> Self {
        let oid = arcs
            .iter()
            .try_fold(SGX_EXTENSION, |oid, arc| oid.push_arc(*arc));
        Self {
            oid: oid.expect("a short OID"),
            value,
        }
    }
}

impl SgxExtensionSpec {
    /// The top-level fields in the vendor's order; see [`extension`] for putting a changed list
    /// back together.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![
            Entry::new(&[1], tlv::octets(&self.ppid)),
            Entry::new(&[2], sequence_of(&self.tcb_entries())),
            Entry::new(&[3], tlv::octets(&self.pceid)),
            Entry::new(&[4], tlv::octets(&self.fmspc)),
            Entry::new(&[5], tlv::wrap(Tag::Enumerated, &[self.sgx_type as u8])),
        ];
        if let Some(platform) = &self.platform {
            entries.push(Entry::new(
                &[6],
                tlv::octets(&platform.platform_instance_id),
            ));
            entries.push(Entry::new(&[7], sequence_of(&platform.entries())));
        }
        entries
    }

    /// The fields of the TCB (arc 2): component SVNs, PCE SVN, CPU SVN.
    pub fn tcb_entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = (1..)
            .zip(&self.component_svns)
            .map(|(arc, svn)| Entry::new(&[2, arc], tlv::encode(svn)))
            .collect();
        entries.push(Entry::new(&[2, 17], tlv::encode(&self.pcesvn)));
        entries.push(Entry::new(&[2, 18], tlv::octets(&self.cpusvn)));
        entries
    }

    /// The extension as it stands in a certificate: not critical.
    pub fn extension(&self) -> Extension {
        extension(&self.entries())
    }
}

impl PlatformSpec {
    /// The fields of the configuration (arc 7).
    pub fn entries(&self) -> Vec<Entry> {
        vec![
            Entry::new(&[7, 1], tlv::encode(&self.dynamic_platform)),
            Entry::new(&[7, 2], tlv::encode(&self.cached_keys)),
            Entry::new(&[7, 3], tlv::encode(&self.smt_enabled)),
        ]
    }
}

/// A SEQUENCE of fields, the form of the extension itself and of its arcs 2 and 7.
pub fn sequence_of(entries: &[Entry]) -> Vec<u8> {
    let encoded: Vec<Vec<u8>> = entries
        .iter()
        .map(|entry| tlv::sequence(&[tlv::oid(entry.oid), entry.value.clone()]))
        .collect();
    tlv::sequence(&encoded)
}

/// The extension with these fields, whatever they are.
pub fn extension(entries: &[Entry]) -> Extension {
    Extension {
        oid: SGX_EXTENSION,
        critical: false,
        value: sequence_of(entries),
    }
}
