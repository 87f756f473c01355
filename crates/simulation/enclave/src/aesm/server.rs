//! The socket that programs find.

use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::service::Service;

/// Most connections at a time: those of a machine's programs, each a request long.
const MAX_CONNECTIONS: usize = 64;

/// How long a client may take to send what it began.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait where the operating system has nothing left for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket on which the service answers.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    service: Arc<Service>,
    open: Arc<()>,
}

impl Server {
    /// Listens at `path`. A socket is replaced behind which nobody answers any more.
    ///
    /// # Errors
    ///
    /// When somebody answers there, when there is something else, and when no socket can be made.
    pub fn bind(path: &Path, service: Arc<Service>) -> io::Result<Self> {
        let is_socket = |path: &Path| {
            let metadata = path.symlink_metadata();
            metadata.is_ok_and(|metadata| metadata.file_type().is_socket())
        };
        if is_socket(path)
            && UnixStream::connect(path)
                .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        {
            std::fs::remove_file(path)?;
        }
        Ok(Self {
            listener: UnixListener::bind(path)?,
            path: path.to_owned(),
            service,
            open: Arc::new(()),
        })
    }

    /// Answers, each connection in a thread of its own, for as long as the process lives.
    pub fn run(&self) -> ! {
        loop {
            // What goes wrong with one connection is over with it.
            if self.accept().is_err() {
                thread::sleep(PAUSE);
            }
        }
    }

    fn accept(&self) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        // Each connection holds this open beside the server itself.
        if Arc::strong_count(&self.open) > MAX_CONNECTIONS {
            return Ok(());
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (service, open) = (Arc::clone(&self.service), Arc::clone(&self.open));
        thread::Builder::new().spawn(move || {
            // Whoever sends nonsense finds the connection closed.
            let _ = service.serve(stream);
            drop(open);
        })?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A socket that stays is replaced by the next server.
        let _ = std::fs::remove_file(&self.path);
    }
}
