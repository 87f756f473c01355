//! Requests and answers (`linux-sgx`, `messages.proto`): a message with one field, whose number
//! says what is asked, and whose bytes are a message of their own.

use super::wire::{Malformed, Message, Value, fields};

const INIT: u64 = 15;
const SIZE: u64 = 16;
const QUOTE: u64 = 17;
const SELECT: u64 = 19;
const UNSUPPORTED: u64 = 20;
const KEY_COUNT: u64 = 21;
const KEYS: u64 = 22;

/// What a program asks for. Attestation keys are named by 256 bytes, `sgx_att_key_id_ext_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// How many attestation keys there are.
    KeyCount,
    /// Their names, into so many bytes.
    Keys { room: u64 },
    /// Which of these is to be used: a header of 8 bytes and names. Absent for any.
    Select { list: Option<&'a [u8]> },
    /// The target of reports for this key; with the digest of the public key, into so many bytes.
    Init {
        key: Option<&'a [u8]>,
        with_public_key: bool,
        room: u64,
    },
    /// The size of a quote by this key.
    Size { key: Option<&'a [u8]> },
    /// A quote of a report by this key, into so many bytes; with `back`, the quoting enclave
    /// reports in turn, to an enclave and under a nonce that are named there.
    Quote {
        report: &'a [u8],
        key: Option<&'a [u8]>,
        back: Option<&'a [u8]>,
        room: u64,
    },
    /// What only other services do.
    Other,
}

impl<'a> Request<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, value) = fields(bytes).next().ok_or(Malformed)??;
        let Value::Bytes(inner) = value else {
            return Err(Malformed);
        };
        let inner = Inner::read(inner)?;
        Ok(match kind {
            KEY_COUNT => Self::KeyCount,
            KEYS => Self::Keys {
                room: inner.number(1),
            },
            SELECT => Self::Select {
                list: inner.bytes(1),
            },
            INIT => Self::Init {
                key: inner.bytes(1),
                with_public_key: inner.number(3) != 0,
                room: inner.number(4),
            },
            SIZE => Self::Size {
                key: inner.bytes(1),
            },
            QUOTE => Self::Quote {
                report: inner.bytes(1).ok_or(Malformed)?,
                key: inner.bytes(2),
                back: inner.bytes(3),
                room: inner.number(4),
            },
            _ => Self::Other,
        })
    }

    /// The field of its answer.
    fn answered_in(self) -> u64 {
        match self {
            Self::KeyCount => KEY_COUNT,
            Self::Keys { .. } => KEYS,
            Self::Select { .. } => SELECT,
            Self::Init { .. } => INIT,
            Self::Size { .. } => SIZE,
            Self::Quote { .. } => QUOTE,
            Self::Other => UNSUPPORTED,
        }
    }

    /// The answer: what was asked for, or why not.
    pub(super) fn answer(self, given: Result<Given, Code>) -> Vec<u8> {
        let inner = Message::default();
        let inner = match given {
            Err(code) => inner.number(1, code as u64),
            Ok(given) => given.write(inner.number(1, 0)),
        };
        Message::default()
            .bytes(self.answered_in(), &inner.into_bytes())
            .into_bytes()
    }
}

/// What is given. Numbers of the fields follow from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// How many there are, or how large something is.
    Number(u64),
    /// Names of keys.
    Bytes(Vec<u8>),
    /// Target, size of the digest of the public key, and the digest if it was asked for.
    Target(Vec<u8>, u64, Option<Vec<u8>>),
    /// A quote, and what came back if it was asked for.
    Quote(Vec<u8>, Option<Vec<u8>>),
}

impl Given {
    fn write(self, message: Message) -> Message {
        match self {
            Self::Number(number) => message.number(2, number),
            Self::Bytes(bytes) => message.bytes(2, &bytes),
            Self::Target(target, size, digest) => {
                let message = message.bytes(2, &target).number(3, size);
                match digest {
                    Some(digest) => message.bytes(4, &digest),
                    None => message,
                }
            }
            Self::Quote(quote, back) => {
                let message = message.bytes(2, &quote);
                match back {
                    Some(back) => message.bytes(3, &back),
                    None => message,
                }
            }
        }
    }
}

/// Why a request is not met (`aesm_error.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Parameter = 3,
    ServiceUnavailable = 30,
    UnsupportedKey = 38,
    InvalidReport = 47,
    NoReportBack = 49,
}

/// The fields of what is inside a request: none has more than these.
#[derive(Debug, Default)]
struct Inner<'a> {
    values: [Option<Value<'a>>; 4],
}

impl<'a> Inner<'a> {
    /// Of a field that comes twice the last one counts, as protocol buffers have it.
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut inner = Self::default();
        for field in fields(bytes) {
            let (number, value) = field?;
            let place = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
            if let Some(place) = place.and_then(|place| inner.values.get_mut(place)) {
                *place = Some(value);
            }
        }
        Ok(inner)
    }

    fn number(&self, field: usize) -> u64 {
        match self.values[field - 1] {
            Some(Value::Number(number)) => number,
            _ => 0,
        }
    }

    fn bytes(&self, field: usize) -> Option<&'a [u8]> {
        match self.values[field - 1] {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}
