//! nginx, with one file to serve.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bulla_tests::daemon::Reply;
use bulla_tests::tls::Identity;
use bulla_tests::workbench::Folder;

/// nginx as one process, which ends when this is dropped.
pub(crate) struct Nginx {
    child: Child,
    ports: [u16; 3],
}

impl Nginx {
    /// Has this answer returned as a file, with the same headers; absent where there is no nginx.
    pub(crate) fn start(
        folder: &Folder,
        answer: &Reply,
        identity: &Identity,
        target: &str,
    ) -> Option<Self> {
        if Command::new("nginx")
            .arg("-v")
            .stderr(Stdio::null())
            .status()
            .is_err()
        {
            println!("NO ROWS OF NGINX: there is no `nginx` on this machine\n");
            return None;
        }
        let file = folder.write("nginx-file", &answer.body);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a file");
        let (certificate, key) = identity.lay_out(folder);
        let ports = free_ports();
        let path = target.split('?').next().unwrap_or(target);
        let server = |listen: String, more: &str| {
            format!(
                "server {{
                    listen 127.0.0.1:{listen};
                    {more}
                    location = {path} {{
                        alias {};
                        types {{ }}
                        {}
                    }}
                }}\n",
                file.display(),
                headers(answer)
            )
        };
        let [plain, kept_open, secure] = ports;
        let tls = format!(
            "ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};"
        );
        // As Debian sets it up, with all requests on one connection and without its log.
        let configuration = format!(
            "daemon off; master_process off; pid {pid}; error_log stderr crit;
            events {{ worker_connections 768; }}
            http {{
                sendfile on; tcp_nopush on; access_log off;
                keepalive_requests 1000000000; keepalive_timeout 600;
                etag off; max_ranges 0;
                {}{}{}
            }}\n",
            server(plain.to_string(), ""),
            server(kept_open.to_string(), "open_file_cache max=10;"),
            server(format!("{secure} ssl"), &tls),
            pid = folder.text_path("nginx.pid"),
        );
        let configuration = folder.write("nginx.conf", configuration);
        let child = Command::new("nginx")
            .arg("-c")
            .arg(configuration)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self { child, ports };
        let start = Instant::now();
        while ports
            .iter()
            .any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err())
        {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "nginx does not listen"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(nginx)
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it serves, where, and whether with TLS.
    pub(crate) fn places(&self) -> [(&'static str, SocketAddr, bool); 3] {
        let [plain, kept_open, secure] = self
            .ports
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        [
            ("nginx, TCB info", plain, false),
            ("nginx, TCB info, file kept open", kept_open, false),
            ("nginx, TCB info, TLS", secure, true),
        ]
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The headers of an answer but those that nginx adds by itself.
fn headers(answer: &Reply) -> String {
    let own = ["connection", "content-length", "content-type", "date"];
    let lines = answer
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let added = lines
        .filter(|(name, _)| !own.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| format!("add_header {name} '{value}';\n"));
    let media_type = answer.header("content-type").unwrap_or_default();
    let mut headers = format!("default_type '{media_type}';\nadd_header Last-Modified '';\n");
    headers.extend(added);
    headers
}

fn free_ports() -> [u16; 3] {
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a socket"));
    sockets.map(|socket| socket.local_addr().expect("an address").port())
}
