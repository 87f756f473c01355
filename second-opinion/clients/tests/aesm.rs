//! Fortanix' `aesm-client`, which programs ask for quotes on hardware, at the socket of
//! `bulla enclave aesm`.

use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use aesm_client::unix::AesmClientExt;
use aesm_client::{AesmClient, AesmError, Error};
use independent_clients::bulla;

/// How long the service may take to start, where the machine has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The service of a platform; it ends with this.
struct Service {
    child: Child,
    folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().join("box");
        let made = bulla()
            .args(["vendor", "init", "--public-url", "http://localhost"])
            .args(["--platform", "one", "--dir"])
            .arg(&place)
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("bulla runs").success());
        let child = bulla()
            .args(["enclave", "aesm", "--platform", "one", "--vendor"])
            .arg(&place)
            .arg("--socket")
            .arg(folder.path().join("socket"))
            .stdout(Stdio::null())
            .spawn()
            .expect("bulla runs");
        Self { child, folder }
    }

    fn client(&self) -> AesmClient {
        let client = AesmClient::with_path(self.socket());
        let began = Instant::now();
        while client.try_connect().is_err() {
            assert!(began.elapsed() < PATIENCE, "no service");
            sleep(Duration::from_millis(50));
        }
        client
    }

    fn socket(&self) -> impl AsRef<Path> + use<> {
        self.folder.path().join("socket")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn code<T>(result: Result<T, Error>) -> AesmError {
    match result {
        Err(Error::AesmCode(code)) => code,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was given"),
    }
}

#[test]
fn the_client_finds_key_and_target_and_is_told_why_there_is_no_quote() {
    let service = Service::start();
    let client = service.client();
    let keys = client.get_supported_att_key_ids().expect("keys");
    let [key] = &keys[..] else {
        panic!("{} keys", keys.len());
    };
    assert_eq!(key.len(), 256);
    let info = client.init_quote_ex(key.clone()).expect("a target");
    assert_eq!(info.target_info().len(), 512);
    assert_eq!(info.pub_key_id().len(), 32);

    let quote = |key: &[u8]| {
        let target = Some(info.target_info().to_vec());
        client.get_quote_ex(key.to_vec(), vec![0; 432], target, vec![0; 16])
    };
    // No enclave of the platform made this report.
    assert!(matches!(code(quote(key)), AesmError::InvalidReport_47));
    let mut other = key.clone();
    other[10] ^= 1;
    assert!(matches!(
        code(quote(&other)),
        AesmError::UnsupportedAttKeyId_38
    ));
    // EPID, which is no more.
    assert!(client.init_quote().is_err());
}
