//! What was written is read back, and nothing that comes from the wire makes the reader panic.

use proptest::prelude::*;
use proptest::sample::select;

use crate::value::{CpuSvn, PceSvn, Pem, Tcbm};

use super::*;

fn pem() -> impl Strategy<Value = Pem> {
    "-----BEGIN [ -~\\r\\n]{0,200}".prop_map(|text| Pem::new(text).unwrap())
}

proptest! {
    #[test]
    fn a_certificate_is_read_back(
        certificate in pem(),
        issuer_chain in pem(),
        cpusvn in any::<[u8; 16]>(),
        pcesvn in any::<u16>(),
        max_age in 0..=LONGEST_AGE,
    ) {
        let tcbm = Tcbm { cpusvn: CpuSvn(cpusvn), pcesvn: PceSvn(pcesvn) };
        let written = PckCertificate { certificate, tcbm, issuer_chain, max_age };
        prop_assert_eq!(PckCertificate::read(&written.write()).unwrap(), written);
    }

    #[test]
    fn reading_never_panics(
        path in select(Route::every().collect::<Vec<_>>()),
        fmspc in "[0-9a-fA-F]{12}",
        query in "(uri|ca|customParameter|fmspc|update|qeid)=[%a-fA-F0-9=+;]{0,60}(&[ -~]{0,20})?",
        other in any::<String>(),
    ) {
        let path = path.replace("{version}", "v4").replace("{fmspc}", &fmspc);
        let route = Route::read("GET", &path).unwrap();
        let _ = route.request(&query);
        let _ = route.request(&other);
        let _ = Route::read(&other, &other);
        let _ = PckCertificate::read(other.as_bytes());
    }
}
