//! A proxy between the program and the API server, which counts writes, kills or freezes the program at one of them,
//! holds requests on the wire, and plays the faults of a bad network.
//!
//! It speaks plain HTTP on loopback to the program and, with the kubeconfig's own credentials, TLS to the server. One
//! proxy serves any number of runs: [`KillProxy::forget`] sets the count back.

mod act;
mod faults;
mod forward;
mod running;

pub use act::{Act, Recorded};
pub use faults::Faults;
pub use running::Running;

use act::State;
use forward::Upstream;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The proxy; stops when it is dropped.
pub struct KillProxy {
    shared: Arc<Shared>,
    folder: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Rings when an act is done, a request is released, or a process is known.
    changed: Notify,
    /// Rings when all watches are cut.
    cut: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl KillProxy {
    /// Between the program and the server of that kubeconfig, as its user.
    pub fn start(kubeconfig: &Path) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Notify::new(),
            cut: Notify::new(),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, ran) = std::sync::mpsc::channel();
        let (upstream, serving) = (kubeconfig.to_owned(), shared.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let upstream = Upstream::from_server(&upstream).await;
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send((listener.local_addr().unwrap(), upstream.namespace().to_owned()))
                    .unwrap();
                tokio::select! {
                    () = serve(listener, Arc::new(upstream), serving) => {}
                    _ = stopped => {}
                }
            });
        });
        let (address, namespace) = ran.recv().expect("the proxy's thread ended");
        let folder = tempfile::tempdir().unwrap();
        write_kubeconfig(&folder.path().join("kubeconfig"), address, &namespace);
        Self {
            shared,
            folder,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// A kubeconfig that leads through the proxy.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// At the n-th write from now on (from 1), does that.
    pub fn at_write(&self, n: usize, act: Act) {
        let mut state = self.shared.state();
        let n = state.writes() + n;
        state.arm(n, act);
    }

    /// At the first write to a path that ends so (`/configmaps/a`), does that.
    pub fn at_write_to(&self, path: &str, act: Act) {
        self.shared.state().arm_path(path, act);
    }

    /// Plays faults from now on; none for a good network.
    pub fn play(&self, faults: Option<Faults>) {
        self.shared.state().faults = faults;
    }

    /// Breaks the connection of every watch that is open.
    pub fn cut_watches(&self) {
        self.shared.cut.notify_waiters();
    }

    /// From now on the server does as one before Kubernetes 1.27, which cannot aggregate its discovery.
    pub fn play_an_old_server(&self) {
        self.shared.state().is_old = true;
    }

    /// The writes so far: neither dry-runs nor reviews.
    pub fn writes(&self) -> Vec<Recorded> {
        self.shared
            .state()
            .recorded
            .iter()
            .filter(|request| request.is_write)
            .cloned()
            .collect()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.state().recorded.clone()
    }

    /// Begins to count anew, and disarms.
    pub fn forget(&self) {
        self.shared.state().forget();
        self.shared.changed.notify_waiters();
    }

    /// Starts a command as the process that acts are done to.
    pub fn spawn(&self, command: &mut Command) -> Running {
        self.shared.state().expect_process();
        let running = Running::start(command.env("KUBECONFIG", self.kubeconfig()));
        self.shared.state().process_is(running.process());
        self.shared.changed.notify_waiters();
        running
    }

    /// Starts a command and waits for its end, by itself or by an act.
    pub fn run(&self, command: &mut Command) -> super::Ran {
        self.spawn(command).wait()
    }

    /// Waits until the armed act has been done. Fails after 60 s.
    pub fn wait_for_act(&self) {
        let start = Instant::now();
        while !self.shared.state().has_acted() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the armed write has not come within 60 s"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for the armed act; false where the process ends before it comes to that.
    pub fn acts_before_the_end_of(&self, process: &Running) -> bool {
        while !self.shared.state().has_acted() {
            if process.has_ended() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Lets a frozen process and a held request go on.
    pub fn release(&self) {
        self.shared.state().release();
        self.shared.changed.notify_waiters();
    }
}

impl Drop for KillProxy {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(faults) = &self.shared.state().faults
        {
            eprintln!("the proxy played {faults:?}");
        }
        self.release();
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn serve(listener: TcpListener, upstream: Arc<Upstream>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        stream.set_nodelay(true).ok();
        let (upstream, shared) = (upstream.clone(), shared.clone());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                forward::forward(upstream.clone(), shared.clone(), request)
            });
            // An error here is a connection that the program or an act closed.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

fn write_kubeconfig(file: &Path, address: SocketAddr, namespace: &str) {
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "proxy", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy", "namespace": namespace}}],
    });
    std::fs::write(file, text.to_string()).unwrap();
}
