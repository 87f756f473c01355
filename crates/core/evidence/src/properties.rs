//! Properties of parser and writer together, over quotes of every form.

use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::layout::{QuoteHeader, certification_type};
use crate::{
    AuthData, Body, BodyType, CertificationData, Quote, QuoteError, QuoteVersion, WriteError,
    signed_part, write_quote,
};

/// Contents of a quote of any form, from bytes that mean nothing.
#[derive(Clone, Debug)]
struct Sample {
    version: QuoteVersion,
    body_type: BodyType,
    certification: u16,
    noise: Vec<u8>,
    qe_auth: Vec<u8>,
    data: Vec<u8>,
}

impl Sample {
    fn of(version: QuoteVersion, body_type: BodyType, certification: u16) -> Self {
        Self {
            version,
            body_type,
            certification,
            noise: (0..=u8::MAX).cycle().take(1024).collect(),
            qe_auth: (0..32).collect(),
            data: b"-----BEGIN CERTIFICATE-----".to_vec(),
        }
    }

    /// One of every form that a quote can have.
    fn all() -> Vec<Self> {
        let mut samples = Vec::new();
        for version in QuoteVersion::ALL {
            for body in BodyType::ALL
                .into_iter()
                .filter(|body| version.admits(*body))
            {
                for certification in CERTIFICATIONS {
                    samples.push(Self::of(version, body, certification));
                }
            }
        }
        samples
    }

    fn header(&self) -> QuoteHeader {
        let mut header = QuoteHeader::new(self.version, self.body_type.tee());
        header.user_data = *self.borrow();
        header.qe_svn = 7.into();
        header
    }

    fn body(&self) -> Body<'_> {
        match self.body_type {
            BodyType::Sgx => Body::Sgx(self.borrow()),
            BodyType::Td10 => Body::Td10(self.borrow()),
            BodyType::Td15 => Body::Td15(self.borrow()),
            BodyType::Td15Ex => Body::Td15Ex(self.borrow()),
        }
    }

    fn auth(&self) -> AuthData<'_> {
        AuthData {
            signature: self.borrow(),
            attestation_key: self.borrow(),
            qe_report: self.borrow(),
            qe_report_signature: self.borrow(),
            qe_auth: &self.qe_auth,
            certification: match self.certification {
                certification_type::PPID_CLEAR => CertificationData::PpidClear(self.borrow()),
                certification_type::PPID_RSA_2048 => CertificationData::PpidRsa2048(self.borrow()),
                certification_type::PPID_RSA_3072 => CertificationData::PpidRsa3072(self.borrow()),
                certification_type::PCK_LEAF => CertificationData::PckLeaf(&self.data),
                certification_type::PCK_CHAIN => CertificationData::PckChain(&self.data),
                _ => CertificationData::PlatformManifest(&self.data),
            },
        }
    }

    fn write(&self) -> Vec<u8> {
        let signed = signed_part(self.version, &self.header(), self.body()).unwrap();
        write_quote(&signed, &self.auth()).unwrap()
    }

    fn borrow<T: FromBytes + KnownLayout + Immutable + Unaligned>(&self) -> &T {
        T::ref_from_prefix(&self.noise).unwrap().0
    }
}

const CERTIFICATIONS: [u16; 6] = [1, 2, 3, 4, 5, 7];

/// Where the size of the auth data is.
fn auth_size_offset(sample: &Sample) -> usize {
    let descriptor = if sample.version == QuoteVersion::V5 {
        6
    } else {
        0
    };
    48 + descriptor + sample.body_type.size() as usize
}

fn samples() -> impl Strategy<Value = Sample> {
    (
        proptest::sample::select(Sample::all()),
        vec(any::<u8>(), 1024),
        vec(any::<u8>(), 0..100),
        vec(any::<u8>(), 0..5000),
    )
        .prop_map(|(form, noise, qe_auth, data)| Sample {
            noise,
            qe_auth,
            data,
            ..form
        })
}

proptest! {
    #[test]
    fn what_is_written_is_parsed(sample in samples(), trailing in vec(any::<u8>(), 0..40)) {
        let encoded = sample.write();
        let bytes = [encoded.as_slice(), &trailing].concat();
        let quote = Quote::parse(&bytes).unwrap();

        prop_assert_eq!(quote.version(), sample.version);
        prop_assert_eq!(quote.tee(), sample.body_type.tee());
        prop_assert_eq!(quote.header(), &sample.header());
        prop_assert_eq!(quote.body(), sample.body());
        prop_assert_eq!(quote.auth(), &sample.auth());
        prop_assert_eq!(quote.signed(), &encoded[..auth_size_offset(&sample)]);
        prop_assert_eq!(quote.encoded(), encoded);
        prop_assert_eq!(quote.trailing(), trailing);
    }

    #[test]
    fn what_is_parsed_is_written(
        sample in samples(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = sample.write();
        for (index, value) in changes {
            let size = bytes.len();
            bytes[index.index(size)] = value;
        }
        if let Ok(quote) = Quote::parse(&bytes) {
            let signed = signed_part(quote.version(), quote.header(), quote.body()).unwrap();
            prop_assert_eq!(&signed, quote.signed());
            prop_assert_eq!(write_quote(&signed, quote.auth()).unwrap(), quote.encoded());
        }
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..2000)) {
        if let Err(error) = Quote::parse(&bytes) {
            prop_assert!(error.offset() <= bytes.len());
        }
    }

    #[test]
    fn random_bytes_behind_a_header_do_not_panic(
        sample in samples(),
        bytes in vec(any::<u8>(), 0..3000),
    ) {
        let start = auth_size_offset(&sample);
        let _ = Quote::parse(&[&sample.write()[..start], &bytes].concat());
    }
}

#[test]
fn every_truncation_is_an_error() {
    for sample in Sample::all() {
        let bytes = sample.write();
        for end in 0..bytes.len() {
            let error = Quote::parse(&bytes[..end]).unwrap_err();
            assert_eq!(error.code(), "QuoteTruncated");
            assert!(error.offset() <= end);
        }
        assert!(Quote::parse(&bytes).is_ok());
    }
}

#[test]
fn every_other_size_of_the_auth_data_is_an_error() {
    for sample in Sample::all() {
        let mut bytes = sample.write();
        let start = auth_size_offset(&sample);
        let size = bytes.len() - start - 4;
        bytes.extend([0; 40]);
        for other in (0..size + 40).filter(|other| *other != size) {
            bytes[start..start + 4].copy_from_slice(&(other as u32).to_le_bytes());
            let code = Quote::parse(&bytes).unwrap_err().code();
            assert!(
                ["AuthDataSizeMismatch", "CertificationSizeMismatch"].contains(&code),
                "{code}"
            );
        }
    }
}

#[test]
fn sizes_beyond_all_memory_are_errors() {
    for sample in Sample::all() {
        let bytes = sample.write();
        for offset in 48..bytes.len() - 4 {
            let mut bytes = bytes.clone();
            bytes[offset..offset + 4].fill(0xff);
            let _ = Quote::parse(&bytes);
        }
        let mut bytes = bytes;
        let start = auth_size_offset(&sample);
        bytes[start..start + 4].fill(0xff);
        let error = Quote::parse(&bytes).unwrap_err();
        assert_eq!(
            error,
            QuoteError::QuoteTruncated {
                field: "the auth data",
                offset: start + 4,
                needed: u32::MAX as usize,
                available: bytes.len() - start - 4,
            }
        );
    }
}

/// Writes a sample, alters bytes at an offset, and gives the error.
#[track_caller]
fn error_after(sample: &Sample, offset: usize, altered: &[u8]) -> QuoteError {
    let mut bytes = sample.write();
    bytes[offset..offset + altered.len()].copy_from_slice(altered);
    Quote::parse(&bytes).unwrap_err()
}

#[test]
fn each_field_that_is_checked_has_its_error() {
    let v3 = Sample::of(QuoteVersion::V3, BodyType::Sgx, 5);
    let v4 = Sample::of(QuoteVersion::V4, BodyType::Td10, 5);
    let v5 = Sample::of(QuoteVersion::V5, BodyType::Td15, 5);
    let clear = Sample::of(QuoteVersion::V3, BodyType::Sgx, 1);
    let (outer, inner) = (636 + 128, 636 + 134 + 450 + 32);

    let table: &[(&Sample, usize, &[u8], &str)] = &[
        (&v3, 0, &[6], "QuoteVersionUnsupported"),
        (&v3, 1, &[1], "QuoteVersionUnsupported"),
        (&v4, 2, &[3], "AttestationKeyTypeUnsupported"),
        (&v3, 4, &[0x81], "TeeTypeUnsupported"),
        (&v3, 7, &[1], "TeeTypeUnsupported"),
        (&v4, 4, &[0x82], "TeeTypeUnsupported"),
        (&v5, 12, &[0], "QeVendorUnknown"),
        (&v5, 27, &[0], "QeVendorUnknown"),
        (&v5, 48, &[0], "BodyTypeUnsupported"),
        (&v5, 48, &[5], "BodyTypeUnsupported"),
        (&v5, 48, &[1], "BodyDescriptorMismatch"),
        (&v5, 48, &[2], "BodyDescriptorMismatch"),
        (&v5, 50, &[0x89], "BodyDescriptorMismatch"),
        (&v5, 50, &[0xff; 4], "BodyDescriptorMismatch"),
        (&v4, outer, &[5], "CertificationTypeUnsupported"),
        (&v4, outer + 2, &[0xff; 4], "CertificationSizeMismatch"),
        (&v4, inner - 34, &[0xff; 2], "AuthDataSizeMismatch"),
        (&v4, inner, &[6], "CertificationTypeUnsupported"),
        (&v4, inner, &[1], "CertificationSizeMismatch"),
        (&v4, inner + 2, &[0xff; 4], "CertificationSizeMismatch"),
        (&v3, 436 + 578 + 32, &[0], "CertificationTypeUnsupported"),
        (&v3, 436 + 578 + 32, &[8], "CertificationTypeUnsupported"),
        (&v3, 436 + 580 + 32, &[0], "CertificationSizeMismatch"),
        (&clear, 436 + 578 + 32, &[2], "CertificationSizeMismatch"),
    ];
    for (sample, offset, altered, code) in table {
        let error = error_after(sample, *offset, altered);
        assert_eq!(error.code(), *code, "{offset}: {error}");
    }
}

#[test]
fn a_tee_type_that_contradicts_the_body_is_found_in_the_header() {
    let v5 = Sample::of(QuoteVersion::V5, BodyType::Sgx, 5);
    let error = error_after(&v5, 4, &[0x81]);
    assert_eq!(error.code(), "BodyDescriptorMismatch");
    assert_eq!(error.offset(), 4);
}

#[test]
fn errors_tell_what_and_where() {
    let v3 = Sample::of(QuoteVersion::V3, BodyType::Sgx, 5);
    assert_eq!(
        Quote::parse(&v3.write()[..100]).unwrap_err().to_string(),
        "the quote is truncated: the SGX enclave report at offset 48 needs 384 bytes, 52 are left; \
         check that the whole quote was copied"
    );
    assert_eq!(
        error_after(&v3, 12, &[0]).to_string(),
        "QE vendor 009a7233f79c4ca9940a0db3957f0607 at offset 12 is unknown, expected \
         939a7233f79c4ca9940a0db3957f0607 (Intel)"
    );
}

#[test]
fn the_shortest_quote_has_1020_bytes() {
    let mut sample = Sample::of(QuoteVersion::V3, BodyType::Sgx, 5);
    sample.qe_auth.clear();
    sample.data.clear();
    let bytes = sample.write();
    assert_eq!(bytes.len(), 1020);
    assert_eq!(Quote::parse(&bytes).unwrap().auth(), &sample.auth());
}

#[test]
fn what_does_not_fit_is_not_written() {
    let td = Sample::of(QuoteVersion::V5, BodyType::Td15, 5);
    let error = signed_part(QuoteVersion::V4, &td.header(), td.body()).unwrap_err();
    assert_eq!(error.code(), "BodyUnsupported");
    let mut header = td.header();
    header.tee_type = 0.into();
    let error = signed_part(QuoteVersion::V5, &header, td.body()).unwrap_err();
    assert_eq!(error.code(), "HeaderMismatch");
    header.version = 4.into();
    let error = signed_part(QuoteVersion::V5, &header, td.body()).unwrap_err();
    assert_eq!(error.code(), "HeaderMismatch");

    let mut long = td.clone();
    long.qe_auth = vec![0; 65_536];
    let signed = signed_part(td.version, &td.header(), td.body()).unwrap();
    let error = write_quote(&signed, &long.auth()).unwrap_err();
    assert_eq!(error.code(), "TooLong");
    for start in [&[][..], &[5], &[6, 0]] {
        let error = write_quote(start, &td.auth()).unwrap_err();
        assert_eq!(error, WriteError::VersionUnknown);
    }
}

#[test]
fn newer_bodies_show_the_fields_of_older_ones() {
    for sample in Sample::all() {
        let body = sample.body();
        let number = body.body_type().number();
        assert_eq!(body.sgx().is_some(), number == 1);
        assert_eq!(body.td10().is_some(), number >= 2);
        assert_eq!(body.td15().is_some(), number >= 3);
        assert_eq!(body.td15_ex().is_some(), number == 4);
        assert!(
            body.td10()
                .is_none_or(|td10| &td10.reportdata == body.report_data())
        );
        assert_eq!(body.as_bytes().len(), body.body_type().size() as usize);
    }
}
