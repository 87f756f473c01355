//! What the service does: it knows one attestation key, that of its platform's quoting enclave.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use bulla_evidence::layout::SgxReport;
use bulla_evidence::{Quote, Tee};
use bulla_processor::Platform;
use bulla_processor::architectural::Refusal;
use bulla_processor::structures::TargetInfo;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::message::{Code, Given, Request};

/// Longest request that is read: a report, a key's name and a request for a report back are 1,700
/// bytes; a list of keys has a name or two.
const MAX_REQUEST: u32 = 16 * 1024;

/// What quotes enclaves: a platform, and whoever has the certificate of its key.
pub trait Quoter: Send + Sync {
    /// The platform, started.
    fn platform(&self) -> &Platform;

    /// The quote of an enclave that reported to the platform's quoting enclave.
    ///
    /// # Errors
    ///
    /// When the code of the report does not hold.
    fn quote(&self, report: &SgxReport) -> Result<Vec<u8>, Refusal>;
}

/// Names an attestation key, 256 bytes (DCAP sources: `sgx_att_key_id_ext_t`).
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct KeyName {
    /// 0/2 and 2/2: zero.
    id: U16,
    version: U16,
    /// 4/2: bytes of MRSIGNER that count.
    mrsigner_length: U16,
    /// 6/48: MRSIGNER of the quoting enclave, then zeros.
    mrsigner: [u8; 48],
    /// 54/4: its product id.
    product_id: U32,
    /// 58/96: extended product id, configuration and family, all zero.
    extended: [u8; 96],
    /// 154/4: 2 for ECDSA with P-256.
    algorithm: U32,
    /// 158/98: service provider and kind of EPID, and room; zero.
    reserved: [u8; 98],
}

/// By which a program is sure of the quoting enclave, 960 bytes (DCAP sources:
/// `sgx_ql_qe_report_info_t`).
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ReportBack {
    /// 0/16
    nonce: [u8; 16],
    /// 16/512: to whom the quoting enclave reports.
    target: TargetInfo,
    /// 528/432: filled in by the service.
    report: SgxReport,
}

/// Bytes of the header of a list of keys, whose last four are how many there are.
const LIST_HEADER: usize = 8;

const ECDSA_P256: u32 = 2;

/// The service of one platform.
pub struct Service {
    quoter: Box<dyn Quoter>,
    key: KeyName,
    /// The first half of what the quoting enclave reports: SHA-256 of key and authentication data.
    public_key_digest: [u8; 32],
    /// Bytes of every quote of the platform.
    quote_size: usize,
}

impl Service {
    /// The service of the platform that `quoter` has.
    ///
    /// # Errors
    ///
    /// When the quoter quotes nothing.
    pub fn new(quoter: impl Quoter + 'static) -> Result<Self, Refusal> {
        let platform = quoter.platform();
        let enclave = platform.quoting_enclave(Tee::Sgx).enclave();
        let secs = enclave.secs();
        let mut key = KeyName {
            mrsigner_length: 32.into(),
            product_id: u32::from(secs.isvprodid).into(),
            algorithm: ECDSA_P256.into(),
            ..KeyName::new_zeroed()
        };
        key.mrsigner[..32].copy_from_slice(&secs.mrsigner);
        // All quotes of a platform have the same size and the same key: a first one tells both.
        let quote = quoter.quote(&platform.report_enclave(enclave, [0; 64]))?;
        let parsed = Quote::parse(&quote).map_err(|_| NO_QUOTE)?;
        let mut public_key_digest = [0; 32];
        public_key_digest.copy_from_slice(&parsed.auth().qe_report.reportdata[..32]);
        Ok(Self {
            quote_size: quote.len(),
            key,
            public_key_digest,
            quoter: Box::new(quoter),
        })
    }

    /// Answers requests until the other side ends.
    ///
    /// # Errors
    ///
    /// When the connection breaks, and for what is no request.
    pub fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            match stream.read_exact(&mut length) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                other => other?,
            }
            let length = u32::from_ne_bytes(length);
            if length > MAX_REQUEST {
                return Err(malformed());
            }
            let mut request = vec![0; length as usize];
            stream.read_exact(&mut request)?;
            let answer = self.answer(&request).ok_or_else(malformed)?;
            let length = u32::try_from(answer.len()).map_err(|_| malformed())?;
            stream.write_all(&[&length.to_ne_bytes()[..], &answer].concat())?;
        }
    }

    /// A connection to the service, which a thread answers until it is closed.
    ///
    /// # Errors
    ///
    /// When the operating system has no socket or thread left.
    pub fn connect(self: &Arc<Self>) -> io::Result<UnixStream> {
        let (near, far) = UnixStream::pair()?;
        let service = Arc::clone(self);
        // Whoever sends nonsense finds the connection closed.
        thread::Builder::new().spawn(move || drop(service.serve(far)))?;
        Ok(near)
    }

    /// The answer to a request; `None` for what is none.
    pub fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let request = Request::parse(request).ok()?;
        Some(request.answer(self.give(request)))
    }

    fn give(&self, request: Request<'_>) -> Result<Given, Code> {
        match request {
            Request::KeyCount => Ok(Given::Number(1)),
            Request::Keys { room } => {
                fits(self.key.as_bytes().len(), room)?;
                Ok(Given::Bytes(self.key.as_bytes().to_vec()))
            }
            Request::Select { list } => self.select(list),
            Request::Init {
                key,
                with_public_key,
                room,
            } => {
                self.check(key)?;
                let digest = self.public_key_digest.to_vec();
                if with_public_key {
                    fits(digest.len(), room)?;
                }
                let quoting_enclave = self.quoter.platform().quoting_enclave(Tee::Sgx);
                let target = quoting_enclave.target_info().as_bytes().to_vec();
                let size = digest.len() as u64;
                Ok(Given::Target(
                    target,
                    size,
                    with_public_key.then_some(digest),
                ))
            }
            Request::Size { key } => {
                self.check(key)?;
                Ok(Given::Number(self.quote_size as u64))
            }
            Request::Quote {
                report,
                key,
                back,
                room,
            } => {
                self.check(key)?;
                self.quote(report, back, room)
            }
            Request::Other => Err(Code::ServiceUnavailable),
        }
    }

    fn quote(&self, report: &[u8], back: Option<&[u8]>, room: u64) -> Result<Given, Code> {
        let report = SgxReport::read_from_bytes(report).map_err(|_| Code::Parameter)?;
        let back = back.map(ReportBack::read_from_bytes).transpose();
        let back = back.map_err(|_| Code::Parameter)?;
        fits(self.quote_size, room)?;
        let quote = self.quoter.quote(&report);
        let quote = quote.map_err(|_| Code::InvalidReport)?;
        let Some(mut back) = back else {
            return Ok(Given::Quote(quote, None));
        };
        let platform = self.quoter.platform();
        back.report = platform
            .report_back(&back.target, back.nonce, &quote)
            .map_err(|_| Code::NoReportBack)?;
        Ok(Given::Quote(quote, Some(back.as_bytes().to_vec())))
    }

    /// The key's own name where it is among these, or where none is named.
    fn select(&self, list: Option<&[u8]>) -> Result<Given, Code> {
        let name = || Ok(Given::Bytes(self.key.as_bytes().to_vec()));
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            return name();
        };
        let (header, names) = list.split_at_checked(LIST_HEADER).ok_or(Code::Parameter)?;
        let count = header
            .last_chunk()
            .map_or(0, |count| u32::from_le_bytes(*count));
        let (names, rest) = names.as_chunks::<{ size_of::<KeyName>() }>();
        if names.len() as u64 != u64::from(count) || !rest.is_empty() {
            return Err(Code::Parameter);
        }
        match names.iter().any(|other| self.is_named(other)) {
            true => name(),
            false => Err(Code::UnsupportedKey),
        }
    }

    fn check(&self, key: Option<&[u8]>) -> Result<(), Code> {
        let key = key.and_then(|key| key.try_into().ok());
        match key.map(|key| self.is_named(key)) {
            None => Err(Code::Parameter),
            Some(false) => Err(Code::UnsupportedKey),
            Some(true) => Ok(()),
        }
    }

    /// Whether a name is that of the key. What is of EPID in it does not count.
    fn is_named(&self, name: &[u8; size_of::<KeyName>()]) -> bool {
        const COUNTS: usize = std::mem::offset_of!(KeyName, reserved);
        name[..COUNTS] == self.key.as_bytes()[..COUNTS]
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service(..)")
    }
}

const NO_QUOTE: Refusal = Refusal::Unsupported("the quoter gives what is no quote");

/// Refuses what needs more bytes than there is room for.
fn fits(size: usize, room: u64) -> Result<(), Code> {
    match size as u64 <= room {
        true => Ok(()),
        false => Err(Code::Parameter),
    }
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "this is no request to AESM")
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn names_and_reports_back_are_laid_out_as_the_vendors() {
        assert_eq!(size_of::<KeyName>(), 256);
        assert_eq!(offset_of!(KeyName, mrsigner), 6);
        assert_eq!(offset_of!(KeyName, product_id), 54);
        assert_eq!(offset_of!(KeyName, algorithm), 154);
        assert_eq!(size_of::<ReportBack>(), 960);
        assert_eq!(offset_of!(ReportBack, target), 16);
        assert_eq!(offset_of!(ReportBack, report), 528);
    }
}
