//! What is done at a write, and what was seen.

use super::faults::Faults;
use super::running::Process;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use std::sync::Arc;

/// What is done at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The process is killed; the server never sees the request.
    KillBefore,
    /// The server does it; the process is killed before it gets the answer.
    KillAfter,
    /// The process is frozen and the request held on the wire, until [`super::KillProxy::release`].
    FreezeBefore,
    /// The server does it; the process is frozen and the answer held, until [`super::KillProxy::release`].
    FreezeAfter,
    /// The request is held on the wire, until [`super::KillProxy::release`]; the process goes on.
    HoldBefore,
    /// The server does it; the connection is closed in place of an answer.
    LoseAnswer,
    /// The connection is closed in place of the request.
    LoseRequest,
}

impl Act {
    /// Killed before and after the server does it, in turn.
    pub fn kill_in_turn(point: usize) -> Self {
        if point.is_multiple_of(2) {
            Self::KillBefore
        } else {
            Self::KillAfter
        }
    }
}

/// At which write it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// The n-th since the count began, from 1.
    Count(usize),
    /// The first one whose path ends so.
    Path(String),
}

/// A request that came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// GET, PATCH, …
    pub method: Method,
    /// Path.
    pub path: String,
    /// Query, without the question mark.
    pub query: String,
    /// Whether it changes the cluster: no dry-run, no review.
    pub is_write: bool,
    /// The server's status code; none where it has not answered, or was not asked.
    pub code: Option<u16>,
}

impl Recorded {
    /// From a request.
    pub fn from_request(request: &Request<Bytes>) -> Self {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let changes = matches!(
            *request.method(),
            Method::POST | Method::PUT | Method::PATCH | Method::DELETE
        );
        let is_review = path.starts_with("/apis/authorization.k8s.io/")
            || path.starts_with("/apis/authentication.k8s.io/")
            || path.ends_with("/token");
        // A delete says it in its body.
        let in_body =
            || serde_json::from_slice::<Value>(request.body()).is_ok_and(|body| body["dryRun"][0] == "All");
        let is_dry = query.contains("dryRun=") || (*request.method() == Method::DELETE && in_body());
        let is_write = changes && !is_review && !is_dry;
        Self {
            method: request.method().clone(),
            path,
            query,
            is_write,
            code: None,
        }
    }
}

/// What the proxy knows.
#[derive(Default)]
pub(super) struct State {
    /// Every request since the count began.
    pub recorded: Vec<Recorded>,
    /// The faults that are played.
    pub faults: Option<Faults>,
    /// The server does as one that cannot aggregate its discovery.
    pub is_old: bool,
    armed: Option<(At, Act)>,
    acted: bool,
    released: bool,
    process: Option<Arc<Process>>,
    awaited: bool,
    /// Changes with each [`State::forget`]: a late answer must not be noted in another count.
    pub round: u64,
}

impl State {
    pub fn writes(&self) -> usize {
        self.recorded.iter().filter(|request| request.is_write).count()
    }

    pub fn arm(&mut self, n: usize, act: Act) {
        (self.armed, self.acted, self.released) = (Some((At::Count(n), act)), false, false);
    }

    pub fn arm_path(&mut self, path: &str, act: Act) {
        (self.armed, self.acted, self.released) = (Some((At::Path(path.into()), act)), false, false);
    }

    pub fn forget(&mut self) {
        self.recorded.clear();
        self.round += 1;
        (self.armed, self.acted, self.released) = (None, false, true);
    }

    /// Notes a request, and tells its place and what is to be done at it.
    pub fn note(&mut self, request: Recorded) -> (usize, Option<Act>) {
        let (is_write, path) = (request.is_write, request.path.clone());
        self.recorded.push(request);
        let place = self.recorded.len() - 1;
        let is_meant = |at: &At| match at {
            At::Count(n) => *n == self.writes(),
            At::Path(end) => !self.acted && path.ends_with(end),
        };
        let act = self
            .armed
            .as_ref()
            .filter(|(at, _)| is_write && is_meant(at))
            .map(|(_, act)| *act);
        (place, act)
    }

    pub fn expect_process(&mut self) {
        (self.process, self.awaited) = (None, true);
    }

    pub fn process_is(&mut self, process: Arc<Process>) {
        self.process = Some(process);
    }

    /// The process, where it is known; [`Err`] where it will soon be.
    pub fn process(&self) -> Result<Option<Arc<Process>>, ()> {
        match &self.process {
            None if self.awaited => Err(()),
            known => Ok(known.clone()),
        }
    }

    pub fn acted(&mut self) {
        self.acted = true;
    }

    pub fn has_acted(&self) -> bool {
        self.acted
    }

    pub fn is_released(&self) -> bool {
        self.released
    }

    pub fn release(&mut self) {
        self.released = true;
        if let Some(process) = &self.process {
            process.go_on();
        }
    }
}
