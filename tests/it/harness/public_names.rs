//! A machine on which public registries' names resolve to the loopback registry: a network namespace in which nothing else is
//! reached, with an `/etc/hosts` of its own. On it a user's shell, with kubectl, the plugin and a cluster's kubeconfig.

use super::{Ran, Run, TestCluster};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The names, all of one loopback registry.
const REGISTRIES: [&str; 5] = [
    "registry.k8s.io",
    "ghcr.io",
    "quay.io",
    "docker.io",
    "registry-1.docker.io",
];
/// What the cluster's API server is called there, as in any other kubeconfig.
const API_SERVER: &str = "k8s.example.com";
const API_PORT: u16 = 6443;
const HTTPS: u16 = 443;
/// The real node and the names in the cluster are one user's at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The machine. The namespaces end with the process that holds them, which ends with this one, however that ends.
pub struct PublicNames {
    cluster: &'static TestCluster,
    holder: Child,
    files: tempfile::TempDir,
    mirrors: Mirrors,
    _runtime: tokio::runtime::Runtime,
    _alone: MutexGuard<'static, ()>,
}

impl PublicNames {
    /// Starts it, and has the real node pull by these names too.
    pub fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = TestCluster::get();
        let files = tempfile::tempdir().unwrap();
        let hosts: String = std::iter::once("localhost")
            .chain(REGISTRIES)
            .chain([API_SERVER])
            .map(|name| format!("127.0.0.1 {name}\n"))
            .collect();
        std::fs::write(files.path().join("hosts"), hosts).unwrap();
        std::fs::write(files.path().join("kubeconfig"), kubeconfig(cluster).to_string()).unwrap();
        for folder in ["home", "bin"] {
            std::fs::create_dir(files.path().join(folder)).unwrap();
        }
        let plugin = files.path().join("bin/kubectl-delivery");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-delivery"), plugin).unwrap();

        let holder = hold(&files.path().join("hosts"));
        let [https, api] = listen(holder.id(), [HTTPS, API_PORT]);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let tls = certificate(&files.path().join("ca.crt"));
        runtime.spawn(forward(https, cluster.registry.clone(), Some(tls)));
        runtime.spawn(forward(api, host_and_port(&cluster.server), None));
        let mirrors = Mirrors::new(cluster);
        Self {
            cluster,
            holder,
            files,
            mirrors,
            _runtime: runtime,
            _alone: alone,
        }
    }

    /// Copies an image of the cluster's registry to where its public name leads; the public name by digest.
    pub fn publish(&self, from: &str, public: &str) -> String {
        let (host, path) = public.split_once('/').unwrap();
        let [from, to] = [from, path].map(|name| format!("{}/{name}", self.cluster.registry));
        let crane = |words: &[&str]| {
            let mut crane = Command::new(self.cluster.tools.join("crane"));
            crane.arg("--insecure").args(words).run().ok()
        };
        crane(&["copy", &from, &to]);
        let (repository, _) = path.rsplit_once(':').unwrap();
        format!("{host}/{repository}@{}", crane(&["digest", &to]).trim())
    }

    /// Pastes lines into a shell in `directory` that ends at the first failure, as a script does: the lines are its stdin, so that a
    /// command which reads from there takes what follows it. What is shown is one stream, as on a terminal.
    pub fn paste(&self, directory: &Path, lines: &str) -> Ran {
        let mut command = Command::new("nsenter");
        command
            .args(["--net", "--mount", "--target", &self.holder.id().to_string()])
            .args(["--", "env", "-C"])
            .arg(directory)
            .args(["bash", "-c", "exec bash -euo pipefail 2>&1"]);
        let file = |name: &str| self.files.path().join(name);
        let path = [&file("bin"), &self.cluster.tools].map(|folder| folder.display().to_string());
        command
            .env_clear()
            .env("PATH", path.join(":") + ":/usr/local/bin:/usr/bin:/bin")
            .env("HOME", file("home"))
            .env("LANG", "C.UTF-8")
            .env("KUBECONFIG", file("kubeconfig"))
            .env("SSL_CERT_FILE", file("ca.crt"));
        command.run_with(lines)
    }
}

impl Drop for PublicNames {
    fn drop(&mut self) {
        self.mirrors.remove();
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// The process in whose namespaces all of it is: it waits for the end of its stdin.
fn hold(hosts: &Path) -> Child {
    let script = r#"ip link set lo up && mount --bind "$1" /etc/hosts && echo ready && exec cat"#;
    let mut unshare = Command::new("unshare");
    unshare
        .args([
            "--net",
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-c",
            script,
            "bash",
        ])
        .arg(hosts)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = unshare.spawn().unwrap_or_else(|error| panic!("unshare: {error}"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n", "a network namespace needs Linux and root");
    child
}

/// Ports of the namespace's loopback. A socket stays in the namespace of the thread that made it, whoever uses it.
fn listen(holder: u32, ports: [u16; 2]) -> [TcpListener; 2] {
    let namespace = File::open(format!("/proc/{holder}/ns/net")).unwrap();
    let inside = move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        ports.map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap())
    };
    std::thread::spawn(inside).join().unwrap()
}

/// Connects whoever comes to `to`, outside of the namespace; with a certificate it speaks TLS on the inside.
async fn forward(listener: TcpListener, to: String, tls: Option<TlsAcceptor>) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((mut stream, _)) = listener.accept().await {
        let (to, tls) = (to.clone(), tls.clone());
        tokio::spawn(async move {
            let mut server = TcpStream::connect(&to).await?;
            match tls {
                Some(tls) => {
                    let mut stream = tls.accept(stream).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut server).await
                }
                None => tokio::io::copy_bidirectional(&mut stream, &mut server).await,
            }
        });
    }
}

/// One certificate of all the names; `authority` gets what signed it.
fn certificate(authority: &Path) -> TlsAcceptor {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(REGISTRIES.map(String::from)).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(authority, certificate.pem()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The administrator's, with the names that a user would have.
fn kubeconfig(cluster: &TestCluster) -> Value {
    let view = ["config", "view", "--raw", "--flatten", "--minify", "-o", "json"];
    let mut config = cluster.kubectl().args(view).run().json();
    let address = host_and_port(&cluster.server);
    let host = address.rsplit_once(':').unwrap().0;
    config["contexts"][0]["name"] = "production".into();
    config["current-context"] = "production".into();
    config["clusters"][0]["cluster"]["server"] = format!("https://{API_SERVER}:{API_PORT}").into();
    config["clusters"][0]["cluster"]["tls-server-name"] = host.into();
    config
}

fn host_and_port(server: &str) -> String {
    server
        .trim_start_matches("https://")
        .trim_end_matches('/')
        .to_owned()
}

/// What has the node's containerd pull by these names from the same registry; it reads it at each pull.
struct Mirrors(Vec<PathBuf>);

impl Mirrors {
    fn new(cluster: &TestCluster) -> Self {
        let configured = cluster.workdir.join("node/certs.d");
        let own = configured.join(&cluster.registry).join("hosts.toml");
        let text = std::fs::read_to_string(&own).unwrap_or_else(|error| {
            panic!(
                "this test needs the real node of this machine ({}: {error}): make node",
                own.display()
            )
        });
        let folders = REGISTRIES.map(|name| configured.join(name));
        for folder in &folders {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("hosts.toml"), &text).unwrap();
        }
        Self(folders.into())
    }

    fn remove(&self) {
        for folder in &self.0 {
            std::fs::remove_dir_all(folder).ok();
        }
    }
}
