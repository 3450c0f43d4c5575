//! What a command gets besides its arguments: streams, colours, and a client to the cluster.
//!
//! Results and messages go out through these streams, which filter them (`Visible`).

use super::ci::ci_system;
use super::color::{ColorChoice, ColorEnvironment, Stream};
use super::connection::ConnectionArgs;
use super::visible::Visible;
use crate::cluster::{self, Cluster, ConnectionOptions};
use crate::report::ci::CiSystem;
use crate::usecase::{CommandError, Scope};
use clap::Args;
use std::io::Write;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Flags of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct GlobalArgs {
    /// When to print colours
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        global = true,
        help_heading = "Output"
    )]
    pub color: ColorChoice,
    /// How much to log to stderr, as kubectl counts: 1 retries, 6 each request, 8 everything
    #[arg(
        short = 'v',
        long = "v",
        value_name = "LEVEL",
        default_value_t = 0,
        global = true,
        help_heading = "Output"
    )]
    pub verbosity: u8,
}

/// What a command gets besides its arguments.
pub struct Context {
    global: GlobalArgs,
    // A function and no value: the definition of all commands is large, and few commands need it.
    root: fn() -> clap::Command,
    environment: ColorEnvironment,
    ci: Option<CiSystem>,
    // The last one alone: a command speaks to one cluster.
    client: Mutex<Option<(ConnectionOptions, Arc<dyn Cluster>)>>,
}

impl Context {
    /// From the flags, the definition of all commands and the process's environment.
    pub fn new(global: GlobalArgs, root: fn() -> clap::Command) -> Self {
        Self {
            global,
            root,
            environment: ColorEnvironment::from_env(),
            ci: ci_system(),
            client: Mutex::new(None),
        }
    }

    /// The definition of all commands.
    pub fn root(&self) -> clap::Command {
        (self.root)()
    }

    /// Whether a stream gets colours.
    pub fn color(&self, stream: Stream) -> bool {
        self.environment.allows(self.global.color, stream.is_terminal())
    }

    /// Whether the stream is a terminal.
    pub fn is_terminal(&self, stream: Stream) -> bool {
        stream.is_terminal()
    }

    /// Whether a user can answer: stdin and stderr are terminals.
    pub fn can_ask(&self) -> bool {
        // Questions go to stderr: stdout may be a file, or JSON for a program.
        std::io::IsTerminal::is_terminal(&std::io::stdin()) && Stream::Stderr.is_terminal()
    }

    /// Columns of the stream; none where it has no width.
    pub fn width(&self, stream: Stream) -> Option<usize> {
        stream.width()
    }

    /// Columns and rows of the stream's terminal.
    pub fn size(&self, stream: Stream) -> Option<(usize, usize)> {
        stream.size()
    }

    /// Whether the terminal cannot move its cursor.
    pub fn is_dumb(&self) -> bool {
        self.environment.dumb
    }

    /// `-v`.
    pub fn verbosity(&self) -> u8 {
        self.global.verbosity
    }

    /// The CI system that runs us, where its log has sections.
    pub fn ci(&self) -> Option<CiSystem> {
        self.ci
    }

    /// Where results go. Buffered: flush it, and let errors through `?` (a closed pipe ends the program quietly).
    pub fn stdout(&self) -> Box<dyn Write + Send> {
        // Filtered before it is buffered: a flush writes what a person may see.
        let buffered = std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout());
        Box::new(Visible::new(buffered, self.color(Stream::Stdout)).guarded(self.ci))
    }

    /// Where a file goes that others read: what it holds is not changed for a log.
    pub fn data(&self) -> Box<dyn Write + Send> {
        Box::new(Visible::new(std::io::BufWriter::new(std::io::stdout()), false))
    }

    /// Where progress and warnings go.
    pub fn stderr(&self) -> Box<dyn Write + Send> {
        // Unbuffered: what is said is seen before what comes next takes its time.
        Box::new(Visible::new(std::io::stderr(), self.color(Stream::Stderr)).guarded(self.ci))
    }

    /// The one or the other.
    pub fn stream(&self, stream: Stream) -> Box<dyn Write + Send> {
        match stream {
            Stream::Stdout => self.stdout(),
            Stream::Stderr => self.stderr(),
        }
    }

    /// The client to the cluster that flags, kubeconfig or the pod's ServiceAccount name. Sends no request by itself;
    /// who asks again gets the same one, with its connections and credentials.
    pub async fn cluster(&self, connection: &ConnectionArgs) -> Result<Arc<dyn Cluster>, CommandError> {
        let options = connection.options();
        // Held while connecting: whoever asks meanwhile waits for the same client.
        let mut cached = self.client.lock().await;

        if let Some((_, client)) = cached.as_ref().filter(|(of, _)| *of == options) {
            return Ok(client.clone());
        }

        let client = cluster::connect(&options).await?;
        *cached = Some((options, client.clone()));
        Ok(client)
    }

    /// The same client, and the namespace that flags or kubeconfig name.
    pub async fn scope(&self, connection: &ConnectionArgs) -> Result<Scope, CommandError> {
        let cluster = self.cluster(connection).await?;
        Ok(Scope::new(cluster, connection.namespace.as_deref()))
    }
}
