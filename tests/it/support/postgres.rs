//! A PostgreSQL of our own with its exporter, as Debian packages them, never as root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{Program, free_port, run};

/// A running server with the database `bench`.
pub struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a cluster in a folder of its own and starts it on loopback.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the cluster");
        let port = free_port();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        run(unprivileged(&program("initdb")).args(["--auth=trust", "--username=postgres", "-D"]).arg(&data));
        let options = format!("-p {port} -h 127.0.0.1 -k '' -c fsync=off -c max_connections=100");
        run(unprivileged(&program("pg_ctl"))
            .args(["-w", "-t", "60", "-l"])
            .arg(folder.path().join("log"))
            .arg("-D")
            .arg(&data)
            .args(["-o", &options, "start"]));
        let postgres = Self { folder, port };
        run(postgres.client("createdb").arg("bench"));
        postgres
    }

    /// A client program of PostgreSQL, told how to reach the server.
    pub fn client(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        command
    }

    /// `clients` connections that run short transactions until it is dropped.
    pub fn load(&self, clients: usize) -> Program {
        let script = self.folder.path().join("load.sql");
        fs::write(&script, "select pg_sleep(0.05);\n").expect("the script can be written");
        let mut command = self.client("pgbench");
        command
            .args(["-n", "-T", "600", "-j", "2", "-c", &clients.to_string(), "-f"])
            .arg(script)
            .arg("bench");
        Program::start("pgbench", &mut command)
    }

    /// Starts the exporter; the address where it serves `/metrics`.
    pub fn exporter(&self) -> (Program, String) {
        let address = format!("127.0.0.1:{}", free_port());
        let source = format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        let mut command = Command::new("prometheus-postgres-exporter");
        command.arg(format!("--web.listen-address={address}")).env("DATA_SOURCE_NAME", source);
        (Program::start("prometheus-postgres-exporter", &mut command), address)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Best effort: the folder goes in any case.
        let _ = unprivileged(&program("pg_ctl"))
            .args(["-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .arg("stop")
            .output();
    }
}

/// Starts Debian's node exporter; the address where it serves `/metrics`.
pub fn node_exporter() -> (Program, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new("prometheus-node-exporter");
    command.arg(format!("--web.listen-address={address}"));
    (Program::start("prometheus-node-exporter", &mut command), address)
}

/// Waits until `address` answers on `/metrics` with something that holds `text`.
pub async fn wait_for(address: &str, text: &str) -> String {
    let client = super::client();
    let mut last = String::new();
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..300 {
        pause.tick().await;
        if let Ok(answer) = client.get(format!("http://{address}/metrics")).send().await {
            last = answer.text().await.unwrap_or_default();
            if last.contains(text) {
                return last;
            }
        }
    }
    panic!("{address} did not show `{text}` within 30 s; it last said:\n{last}");
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

/// A program of PostgreSQL: those of the server are not on Debian's path.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.flatten().map(|folder| folder.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.retain(|path| path.exists());
    versions.sort();
    versions
        .pop()
        .unwrap_or_else(|| panic!("`{name}` of PostgreSQL is not installed; `make packages` installs it"))
}
