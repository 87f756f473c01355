//! A PostgreSQL server for tests, from the machine's own programs, as a user who may do nothing
//! else. `bulla-tests` has this file too.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The owner of every database; a superuser of the server.
pub const USER: &str = "bulla";

/// The owner's password.
pub const PASSWORD: &str = "a-password-of-tests";

/// Has the server in its care: starts it, and ends it when its standard input ends, in whatever way
/// whoever started it has ended.
const KEEPER: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" >>"$2/log" 2>&1 <&3 & server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
"#;

/// A server, ended when it is dropped.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    keeper: Option<Child>,
    databases: AtomicU32,
}

impl Server {
    /// A server that answers; `None` after one line that says what is skipped, where the machine has
    /// no PostgreSQL.
    ///
    /// # Panics
    ///
    /// If there is none although `BULLA_REQUIRE` demands `postgres`.
    pub fn start(test: &str) -> Option<Self> {
        let required = std::env::var("BULLA_REQUIRE")
            .is_ok_and(|list| list.split(',').any(|need| need == "postgres"));
        let Some(programs) = programs() else {
            assert!(
                !required,
                "PostgreSQL is required; install it, so that there is /usr/lib/postgresql/*/bin"
            );
            eprintln!("{test}: skipped, there is no PostgreSQL");
            return None;
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bulla-postgres-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        if let Some((user, group)) = somebody() {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
        }
        let mut server = Self {
            programs,
            folder,
            port: 0,
            keeper: None,
            databases: AtomicU32::new(0),
        };
        server.make();
        server.go_on();
        Some(server)
    }

    /// The address of a database, without the password.
    pub fn address(&self, database: &str) -> String {
        Self::address_through(self.port(), database)
    }

    /// The address of a database that is reached by a port of this machine.
    pub fn address_through(port: u16, database: &str) -> String {
        format!("postgresql://{USER}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database; gives its name.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements in a database; gives what they print.
    ///
    /// # Panics
    ///
    /// If one fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = self.program("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
        ])
        .args(["-c", statements]);
        printed(&self.run_on_socket(psql))
    }

    /// Ends the server, at once: whoever is connected loses the connection.
    pub fn end(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    /// Starts it again, at the same port.
    pub fn go_on(&mut self) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.keeper.is_none() {
                self.listen();
            }
            let mut ask = self.program("pg_isready");
            ask.arg("-q");
            if self.run_on_socket(ask).status.success() {
                return;
            }
            // A port that somebody else has taken meanwhile: the first time any other does.
            let has_ended = self
                .keeper
                .as_mut()
                .is_some_and(|_| !self.folder.join("data/postmaster.pid").exists());
            if has_ended && self.log().contains("could not bind") {
                self.end();
                fs::write(self.folder.join("log"), "").unwrap();
                self.port = 0;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL does not start:\n{}", self.log());
    }

    /// Starts it again with these files in its folder, the settings and rules of access that these
    /// texts add to its own, and TLS by `server.pem` and `server.key`. Rules that come first count.
    pub fn secure(&mut self, files: &[(&str, &[u8])], settings: &str, rules: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.end();
        for (name, content) in files {
            let path = self.folder.join("data").join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((user, group)) = somebody() {
                std::os::unix::fs::chown(&path, Some(user), Some(group)).unwrap();
            }
        }
        let add = |name: &str, first: &str, last: &str| {
            let path = self.folder.join("data").join(name);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, format!("{first}\n{text}\n{last}\n")).unwrap();
        };
        let tls = "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n";
        add("postgresql.conf", "", &format!("{tls}{settings}"));
        add("pg_hba.conf", rules, "");
        self.go_on();
    }

    fn make(&self) {
        let password = self.folder.join("password");
        let mut file = fs::File::create(&password).unwrap();
        file.write_all(PASSWORD.as_bytes()).unwrap();
        let mut initdb = self.program("initdb");
        initdb
            .args([
                "--no-sync",
                "--no-instructions",
                "--no-locale",
                "--encoding=UTF8",
            ])
            .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
            .args(["-U", USER, "-D"])
            .arg(self.folder.join("data"))
            .arg("--pwfile")
            .arg(&password);
        let made = initdb.output().unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let settings = "listen_addresses = '127.0.0.1'\nmax_connections = 200\nfsync = off\n\
                        shared_buffers = 32MB\nmax_prepared_transactions = 0\n";
        let path = self.folder.join("data/postgresql.conf");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(settings.as_bytes()).unwrap();
    }

    fn listen(&mut self) {
        if self.port == 0 {
            let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            self.port = free.local_addr().unwrap().port();
        }
        let mut keeper = as_somebody("sh");
        keeper
            .args(["-c", &format!("exec 3</dev/null; {KEEPER}"), "keeper"])
            .arg(&self.programs)
            .arg(&self.folder)
            .env("PGPORT", self.port.to_string())
            .stdin(Stdio::piped());
        self.keeper = Some(keeper.spawn().unwrap());
    }

    fn run_on_socket(&self, mut program: Command) -> Output {
        program
            .env("PGHOST", &self.folder)
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", USER)
            .env("PGDATABASE", "postgres")
            .output()
            .unwrap()
    }

    fn program(&self, name: &str) -> Command {
        as_somebody(self.programs.join(name))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// The latest of those that are installed.
fn programs() -> Option<PathBuf> {
    let version = |path: &Path| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let latest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(|path| version(path))?;
    Some(latest.join("bin"))
}

/// Whom it runs as where this process is root, whom PostgreSQL refuses: user and group.
fn somebody() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users
        .lines()
        .find_map(|line| line.strip_prefix("postgres:"))
        .map(|rest| rest.split(':').collect::<Vec<_>>());
    match fields.as_deref() {
        Some([_, user, group, ..]) => Some((user.parse().unwrap(), group.parse().unwrap())),
        _ => Some((65_534, 65_534)),
    }
}

fn as_somebody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = somebody() {
        command.uid(user).gid(group);
    }
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn printed(output: &Output) -> String {
    assert!(
        output.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
