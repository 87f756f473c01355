//! The list of a platform's PCK certificates.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    let entries: Vec<Entry> = list.iter().map(Entry::of).collect();
    super::write::json(&entries)
}

/// The list from the vendor's JSON.
pub(crate) fn read(body: &[u8]) -> Result<Vec<PckCertificateEntry>, ResponseError> {
    let entries: Vec<Entry> =
        serde_json::from_slice(body).map_err(|error| ResponseError::Json {
            reason: error.to_string(),
        })?;
    let list: Result<_, ValueError> = entries.into_iter().map(Entry::into_typed).collect();
    list.map_err(ResponseError::Body)
}

#[derive(Serialize, Deserialize)]
struct Entry {
    tcb: Tcb,
    tcbm: String,
    cert: String,
}

impl Entry {
    fn of(entry: &PckCertificateEntry) -> Self {
        Self {
            tcb: Tcb {
                components: entry.components,
                pcesvn: entry.pcesvn,
            },
            tcbm: entry.tcbm.to_string(),
            cert: match &entry.certificate {
                Some(certificate) => certificate.encoded(),
                None => NOT_AVAILABLE.to_owned(),
            },
        }
    }

    fn into_typed(self) -> Result<PckCertificateEntry, ValueError> {
        Ok(PckCertificateEntry {
            components: self.tcb.components,
            pcesvn: self.tcb.pcesvn,
            tcbm: self.tcbm.parse()?,
            certificate: match self.cert.as_str() {
                NOT_AVAILABLE => None,
                encoded => Some(Pem::decode(encoded)?),
            },
        })
    }
}

struct Tcb {
    components: [u8; 16],
    pcesvn: u16,
}

const PCESVN: &str = "pcesvn";

const COMPONENTS: [&str; 16] = [
    "sgxtcbcomp01svn",
    "sgxtcbcomp02svn",
    "sgxtcbcomp03svn",
    "sgxtcbcomp04svn",
    "sgxtcbcomp05svn",
    "sgxtcbcomp06svn",
    "sgxtcbcomp07svn",
    "sgxtcbcomp08svn",
    "sgxtcbcomp09svn",
    "sgxtcbcomp10svn",
    "sgxtcbcomp11svn",
    "sgxtcbcomp12svn",
    "sgxtcbcomp13svn",
    "sgxtcbcomp14svn",
    "sgxtcbcomp15svn",
    "sgxtcbcomp16svn",
];

impl Serialize for Tcb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let components = self.components.map(u16::from);
        let fields = COMPONENTS.into_iter().zip(components);
        serializer.collect_map(fields.chain([(PCESVN, self.pcesvn)]))
    }
}

impl<'de> Deserialize<'de> for Tcb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TcbVisitor)
    }
}

struct TcbVisitor;

impl<'de> Visitor<'de> for TcbVisitor {
    type Value = Tcb;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of SVNs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tcb, A::Error> {
        let mut components = [None; 16];
        let mut pcesvn = None;
        while let Some(key) = map.next_key::<String>()? {
            let component = COMPONENTS
                .iter()
                .zip(&mut components)
                .find(|(name, _)| **name == key);
            match component {
                Some((name, slot)) => fill(name, slot, map.next_value()?)?,
                None if key == PCESVN => fill(PCESVN, &mut pcesvn, map.next_value()?)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let mut tcb = Tcb {
            components: [0; 16],
            pcesvn: pcesvn.ok_or_else(|| A::Error::missing_field(PCESVN))?,
        };
        for ((name, found), svn) in COMPONENTS.iter().zip(components).zip(&mut tcb.components) {
            *svn = found.ok_or_else(|| A::Error::missing_field(name))?;
        }
        Ok(tcb)
    }
}

fn fill<T, E: Error>(name: &'static str, slot: &mut Option<T>, value: T) -> Result<(), E> {
    match slot.replace(value) {
        Some(_) => Err(E::duplicate_field(name)),
        None => Ok(()),
    }
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
        for (from, to) in [("Not available", "not available"), ("0D00\"", "0D0\"")] {
            let error = read(good.replace(from, to).as_bytes()).unwrap_err();
            assert!(matches!(error, ResponseError::Body(_)), "{error}");
        }
    }
}
