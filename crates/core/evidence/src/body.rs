//! The body of a quote: what is attested.

use zerocopy::IntoBytes;

use crate::layout::{SgxReportBody, TdReport10, TdReport15, TdReport15Ex};
use crate::reader::Reader;
use crate::{QuoteError, Tee};

/// The kinds of bodies, numbered as in quotes of version 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyType {
    /// 1: an SGX enclave.
    Sgx,
    /// 2: a trust domain as of TDX 1.0.
    Td10,
    /// 3: a trust domain as of TDX 1.5.
    Td15,
    /// 4: a trust domain as of TDX 1.5, with the extended service TD fields.
    Td15Ex,
}

impl BodyType {
    /// All kinds, by their number.
    pub const ALL: [Self; 4] = [Self::Sgx, Self::Td10, Self::Td15, Self::Td15Ex];

    /// The kind of this number; `None` if there is none.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The number that stands in a quote of version 5.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Sgx => 1,
            Self::Td10 => 2,
            Self::Td15 => 3,
            Self::Td15Ex => 4,
        }
    }

    /// The size of the body in bytes.
    #[must_use]
    pub fn size(self) -> u32 {
        match self {
            Self::Sgx => 384,
            Self::Td10 => 584,
            Self::Td15 => 648,
            Self::Td15Ex => 885,
        }
    }

    /// The technology that such a body is of.
    #[must_use]
    pub fn tee(self) -> Tee {
        match self {
            Self::Sgx => Tee::Sgx,
            Self::Td10 | Self::Td15 | Self::Td15Ex => Tee::Tdx,
        }
    }

    /// The name of the kind, stable across releases.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgx => "sgx_enclave_report",
            Self::Td10 => "td_report_1.0",
            Self::Td15 => "td_report_1.5",
            Self::Td15Ex => "td_report_1.5_ex",
        }
    }
}

/// The body of a quote, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// An SGX enclave.
    Sgx(&'a SgxReportBody),
    /// A trust domain as of TDX 1.0.
    Td10(&'a TdReport10),
    /// A trust domain as of TDX 1.5.
    Td15(&'a TdReport15),
    /// A trust domain as of TDX 1.5, with the extended service TD fields.
    Td15Ex(&'a TdReport15Ex),
}

impl<'a> Body<'a> {
    pub(crate) fn read(kind: BodyType, reader: &mut Reader<'a>) -> Result<Self, QuoteError> {
        Ok(match kind {
            BodyType::Sgx => Self::Sgx(reader.read("the SGX enclave report")?),
            BodyType::Td10 => Self::Td10(reader.read("the TD report 1.0")?),
            BodyType::Td15 => Self::Td15(reader.read("the TD report 1.5")?),
            BodyType::Td15Ex => Self::Td15Ex(reader.read("the TD report 1.5-ex")?),
        })
    }

    /// The kind of the body.
    #[must_use]
    pub fn body_type(&self) -> BodyType {
        match self {
            Self::Sgx(_) => BodyType::Sgx,
            Self::Td10(_) => BodyType::Td10,
            Self::Td15(_) => BodyType::Td15,
            Self::Td15Ex(_) => BodyType::Td15Ex,
        }
    }

    /// The name of the kind, stable across releases: `sgx_enclave_report`, `td_report_1.0`,
    /// `td_report_1.5` or `td_report_1.5_ex`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.body_type().name()
    }

    /// The technology that the body is of.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.body_type().tee()
    }

    /// The encoding of the body, without a descriptor.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match *self {
            Self::Sgx(body) => body.as_bytes(),
            Self::Td10(body) => body.as_bytes(),
            Self::Td15(body) => body.as_bytes(),
            Self::Td15Ex(body) => body.as_bytes(),
        }
    }

    /// The 64 bytes of the enclave's or trust domain's choice.
    #[must_use]
    pub fn report_data(&self) -> &'a [u8; 64] {
        match *self {
            Self::Sgx(body) => &body.reportdata,
            Self::Td10(body) => &body.reportdata,
            Self::Td15(body) => &body.td10.reportdata,
            Self::Td15Ex(body) => &body.td15.td10.reportdata,
        }
    }

    /// The report of an enclave; `None` for a trust domain.
    #[must_use]
    pub fn sgx(&self) -> Option<&'a SgxReportBody> {
        match *self {
            Self::Sgx(body) => Some(body),
            Self::Td10(_) | Self::Td15(_) | Self::Td15Ex(_) => None,
        }
    }

    /// The fields that every trust domain has; `None` for an enclave.
    #[must_use]
    pub fn td10(&self) -> Option<&'a TdReport10> {
        match *self {
            Self::Sgx(_) => None,
            Self::Td10(body) => Some(body),
            Self::Td15(body) => Some(&body.td10),
            Self::Td15Ex(body) => Some(&body.td15.td10),
        }
    }

    /// The fields as of TDX 1.5; `None` where the body is older or of an enclave.
    #[must_use]
    pub fn td15(&self) -> Option<&'a TdReport15> {
        match *self {
            Self::Sgx(_) | Self::Td10(_) => None,
            Self::Td15(body) => Some(body),
            Self::Td15Ex(body) => Some(&body.td15),
        }
    }

    /// The fields as of TDX 1.5 with the extension; `None` for every other body.
    #[must_use]
    pub fn td15_ex(&self) -> Option<&'a TdReport15Ex> {
        match *self {
            Self::Sgx(_) | Self::Td10(_) | Self::Td15(_) => None,
            Self::Td15Ex(body) => Some(body),
        }
    }
}
