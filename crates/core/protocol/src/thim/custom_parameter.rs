//! The parameter by which Azure's client names a baseline: pairs of key and value, in base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::pccs::Refusal;

/// Longest text, in bytes: the client's has 60; anything of a thousand is no baseline.
const LONGEST: usize = 1_024;

/// What was asked for. The region is accepted and says nothing: there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CustomParameter {
    /// The evaluation data number; absent where none is named.
    pub(super) number: Option<u32>,
}

impl CustomParameter {
    /// Reads the value of `customParameter` after the query's own decoding, for which a plus is a
    /// space: Azure's client leaves the plus of base64 as it is, and Intel's escapes it.
    ///
    /// Pairs are separated by `;` (measured) or `&` (the design text of Open Enclave), keys are read
    /// in any letter case, and zeros, one of which ends the client's text, do not count. A key that is
    /// not known is refused: what it asks for would be left out without a word.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let invalid = |problem: &str| Refusal::invalid(&format!("customParameter: {problem}"));
        if text.len() > LONGEST {
            return Err(invalid("it is too long"));
        }
        let text: Cow<'_, str> = match text.contains(' ') {
            true => text.replace(' ', "+").into(),
            false => text.into(),
        };
        let bytes = STANDARD
            .decode(text.as_bytes())
            .map_err(|_| invalid("it is not base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8 text"))?;
        let text = text.replace('\0', "");
        let mut read = Self::default();
        let mut has_region = false;
        for pair in text
            .split([';', '&'])
            .filter(|pair| !pair.trim().is_empty())
        {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| invalid("a key has no value"))?;
            let is_repeated = match key.trim().to_ascii_lowercase().as_str() {
                "tcbevaluationdatanumber" => {
                    let number = decimal(value.trim())
                        .ok_or_else(|| invalid("tcbEvaluationDataNumber is not a number"))?;
                    read.number.replace(number).is_some()
                }
                "region" => std::mem::replace(&mut has_region, true),
                _ => {
                    return Err(invalid(
                        "a key is not known; there are two, \
                                         tcbEvaluationDataNumber and region",
                    ));
                }
            };
            if is_repeated {
                return Err(invalid("a key stands twice"));
            }
        }
        match read.number.is_some() || has_region {
            true => Ok(read),
            false => Err(invalid("it is empty")),
        }
    }
}

/// A number beyond 32 bits reads as the largest: nothing is there either.
fn decimal(text: &str) -> Option<u32> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| text.parse().unwrap_or(u32::MAX))
}
