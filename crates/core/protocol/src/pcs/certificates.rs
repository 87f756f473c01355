//! The list of a platform's PCK certificates.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::value::{Pem, Tcbm, ValueError};

use super::ResponseError;

/// What the vendor writes where it issues no certificate for a TCB.
const NOT_AVAILABLE: &str = "Not available";

/// A TCB that a platform can have had, and the PCK certificate for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the vendor's entry has these fields"
)]
pub struct PckCertificateEntry {
    /// SVNs of the 16 components (`sgxtcbcomp01svn` to `sgxtcbcomp16svn`).
    pub components: [u8; 16],
    /// SVN of the provisioning certification enclave (`pcesvn`).
    pub pcesvn: u16,
    /// The same TCB as one value (`tcbm`).
    pub tcbm: Tcbm,
    /// The certificate for this TCB; absent where the vendor issues none.
    pub certificate: Option<Pem>,
}

/// The list as the vendor's JSON.
pub(crate) fn write(list: &[PckCertificateEntry]) -> Vec<u8> {
    super::write::json(&List(list))
}

/// The list within other JSON.
pub(crate) struct List<'a>(pub(crate) &'a [PckCertificateEntry]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Entry::of))
    }
}

/// The list from the vendor's JSON.
pub(crate) fn read(body: &[u8]) -> Result<Vec<PckCertificateEntry>, ResponseError> {
    let entries: Vec<Entry<'_>> =
        serde_json::from_slice(body).map_err(|error| ResponseError::Json {
            reason: error.to_string(),
        })?;
    typed(entries).map_err(ResponseError::Body)
}

/// The list from what was read within other JSON.
pub(crate) fn typed(entries: Vec<Entry<'_>>) -> Result<Vec<PckCertificateEntry>, ValueError> {
    entries.into_iter().map(Entry::into_typed).collect()
}

/// An entry as it is in JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    #[serde(deserialize_with = "object")]
    tcb: Tcb,
    #[serde(borrow)]
    tcbm: Cow<'a, str>,
    #[serde(borrow, serialize_with = "quoted")]
    cert: Cow<'a, str>,
}

/// Text as it stands: what is percent-encoded has nothing to escape, and most of the list is that.
fn quoted<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let quoted = RawValue::from_string(format!("\"{text}\"")).map_err(S::Error::custom)?;
    quoted.serialize(serializer)
}

impl Entry<'_> {
    fn of(entry: &PckCertificateEntry) -> Self {
        Self {
            tcb: Tcb::of(entry.components, entry.pcesvn),
            tcbm: Cow::Owned(entry.tcbm.to_string()),
            cert: match &entry.certificate {
                Some(certificate) => Cow::Owned(certificate.encoded()),
                None => Cow::Borrowed(NOT_AVAILABLE),
            },
        }
    }

    fn into_typed(self) -> Result<PckCertificateEntry, ValueError> {
        Ok(PckCertificateEntry {
            components: self.tcb.components(),
            pcesvn: self.tcb.pcesvn,
            tcbm: self.tcbm.parse()?,
            certificate: match self.cert.as_ref() {
                NOT_AVAILABLE => None,
                encoded => Some(Pem::decode(encoded)?),
            },
        })
    }
}

/// An object by its names. A derived reader takes an array too, as the values in their order.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

macro_rules! tcb {
    ($($component:ident)*) => {
        /// A TCB under the names that the vendor gives its 17 numbers.
        #[derive(Serialize, Deserialize)]
        struct Tcb {
            $($component: u8,)*
            pcesvn: u16,
        }

        impl Tcb {
            fn of(components: [u8; 16], pcesvn: u16) -> Self {
                let [$($component),*] = components;
                Self { $($component,)* pcesvn }
            }

            fn components(&self) -> [u8; 16] {
                [$(self.$component),*]
            }
        }
    };
}

tcb! {
    sgxtcbcomp01svn sgxtcbcomp02svn sgxtcbcomp03svn sgxtcbcomp04svn
    sgxtcbcomp05svn sgxtcbcomp06svn sgxtcbcomp07svn sgxtcbcomp08svn
    sgxtcbcomp09svn sgxtcbcomp10svn sgxtcbcomp11svn sgxtcbcomp12svn
    sgxtcbcomp13svn sgxtcbcomp14svn sgxtcbcomp15svn sgxtcbcomp16svn
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIC+/==\n-----END CERTIFICATE-----\n";

    fn entry(certificate: Option<Pem>) -> PckCertificateEntry {
        PckCertificateEntry {
            components: [11, 11, 2, 2, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3],
            pcesvn: 13,
            tcbm: "0B0B0202FF01000000000000000000030D00".parse().unwrap(),
            certificate,
        }
    }

    #[test]
    fn the_list_is_written_in_the_order_of_the_vendor() {
        let text = concat!(
            r#"[{"tcb":{"sgxtcbcomp01svn":11,"sgxtcbcomp02svn":11,"sgxtcbcomp03svn":2,"#,
            r#""sgxtcbcomp04svn":2,"sgxtcbcomp05svn":255,"sgxtcbcomp06svn":1,"#,
            r#""sgxtcbcomp07svn":0,"sgxtcbcomp08svn":0,"sgxtcbcomp09svn":0,"#,
            r#""sgxtcbcomp10svn":0,"sgxtcbcomp11svn":0,"sgxtcbcomp12svn":0,"#,
            r#""sgxtcbcomp13svn":0,"sgxtcbcomp14svn":0,"sgxtcbcomp15svn":0,"#,
            r#""sgxtcbcomp16svn":3,"pcesvn":13},"#,
            r#""tcbm":"0B0B0202FF01000000000000000000030D00","cert":"Not available"}]"#,
        );
        assert_eq!(write(&[entry(None)]), text.as_bytes());
        assert_eq!(read(text.as_bytes()), Ok(vec![entry(None)]));

        let pem = entry(Some(Pem::new(PEM).unwrap()));
        let written = String::from_utf8(write(std::slice::from_ref(&pem))).unwrap();
        assert!(written.contains(r#""cert":"-----BEGIN%20CERTIFICATE-----%0AMIIC%2B%2F%3D%3D%0A"#));
        assert_eq!(read(written.as_bytes()), Ok(vec![pem]));
        let escaped = written
            .replace("-----", r"\u002d----")
            .replace("0B0B", r"\u0030B0B");
        assert_eq!(read(escaped.as_bytes()), read(written.as_bytes()));
    }

    #[test]
    fn whatever_stands_in_a_certificate_the_list_is_json() {
        let text = format!("-----BEGIN \"\\\0\u{7f}\n{}", "\t");
        let odd = entry(Some(Pem::new(text).unwrap()));
        let written = write(std::slice::from_ref(&odd));
        serde_json::from_slice::<serde_json::Value>(&written).unwrap();
        assert_eq!(read(&written), Ok(vec![odd]));
    }

    #[test]
    fn what_is_missing_twice_or_out_of_range_is_an_error() {
        let good = String::from_utf8(write(&[entry(None)])).unwrap();
        for (from, to, reason) in [
            (r#""pcesvn":13"#, r#""other":13"#, "missing field `pcesvn`"),
            ("comp16svn", "comp17svn", "missing field `sgxtcbcomp16svn`"),
            (
                "comp16svn",
                "comp15svn",
                "duplicate field `sgxtcbcomp15svn`",
            ),
            (":255", ":256", "expected u8"),
            (":13}", ":65536}", "expected u16"),
            (":13}", ":-1}", "expected u16"),
            (
                r#""cert":"Not available""#,
                r#""cert":null"#,
                "expected a string",
            ),
        ] {
            let error = read(good.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        let mut all: Vec<serde_json::Value> = serde_json::from_str(&good).unwrap();
        all[0]["tcb"] = vec![1; 17].into();
        let error = read(serde_json::to_string(&all).unwrap().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("expected an object"), "{error}");

        for (from, to) in [("Not available", "not available"), ("0D00\"", "0D0\"")] {
            let error = read(good.replace(from, to).as_bytes()).unwrap_err();
            assert!(matches!(error, ResponseError::Body(_)), "{error}");
        }
    }
}
