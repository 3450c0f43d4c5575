//! A cluster of a test's own making: holds objects, tells its watches of changes, and fails as it is told.

use crate::cluster::*;
use crate::model::{ClusterIdentity, Object, Target};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What becomes of one write.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    /// 503: it is not done.
    Unavailable,
    /// It is done, and the connection breaks before the answer.
    LoseAnswer,
    /// 403.
    Forbidden,
}

/// The state behind it.
#[derive(Default)]
struct FakeState {
    objects: Vec<Object>,
    watches: Vec<(String, UnboundedSender<WatchEvent>)>,
    unlistable: HashMap<String, u16>,
    unwatchable: HashMap<String, u16>,
    unreadable: HashMap<String, VecDeque<u16>>,
    plays: VecDeque<Play>,
    is_down: bool,
    requests: Vec<String>,
}

/// The cluster.
#[derive(Default)]
pub struct Fake(Mutex<FakeState>);

pub fn status(code: u16) -> ApiError {
    let message = format!("a fault of the test: {code}");
    ApiError::Status {
        code,
        reason: String::new(),
        message,
        causes: Vec::new(),
    }
}

impl Fake {
    /// Puts an object there, and tells whoever watches its kind.
    pub fn put(&self, object: Value) -> Object {
        let object = Object::new(object).unwrap();
        let mut state = self.0.lock().unwrap();
        state.objects.retain(|one| one.id() != object.id());
        state.objects.push(object.clone());
        // Watches of a server that is away stay open, and say nothing.
        if !state.is_down {
            let of_kind = state.watches.iter().filter(|(kind, _)| *kind == object.kind());
            // Whoever watched may be gone.
            of_kind.for_each(|(_, to)| drop(to.send(WatchEvent::Present(object.clone()))));
        }
        object
    }

    /// From now on it answers nobody, or everybody again.
    pub fn is_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    /// From now on lists of a kind are answered with this code.
    pub fn cannot_list(&self, kind: &str, code: u16) {
        self.0.lock().unwrap().unlistable.insert(kind.into(), code);
    }

    /// From now on watches of a kind are answered with this code.
    pub fn cannot_watch(&self, kind: &str, code: u16) {
        self.0.lock().unwrap().unwatchable.insert(kind.into(), code);
    }

    /// The next reads of single objects of a kind are answered with these codes.
    pub fn cannot_get(&self, kind: &str, codes: impl IntoIterator<Item = u16>) {
        let codes = codes.into_iter().collect();
        self.0.lock().unwrap().unreadable.insert(kind.into(), codes);
    }

    /// What becomes of the next writes.
    pub fn play(&self, plays: &[Play]) {
        self.0.lock().unwrap().plays.extend(plays);
    }

    /// Requests of that verb, as `VERB KIND`.
    pub fn count(&self, what: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .requests
            .iter()
            .filter(|one| one.starts_with(what))
            .count()
    }

    fn ask(&self, what: String) -> Result<std::sync::MutexGuard<'_, FakeState>, ApiError> {
        let mut state = self.0.lock().unwrap();
        // Counted even where nobody answers.
        state.requests.push(what);

        if state.is_down {
            return Err(ApiError::Connect {
                server: "fake".into(),
                why: "connection refused".into(),
            });
        }
        Ok(state)
    }
}

fn lost() -> ApiError {
    ApiError::Broken {
        why: "the answer is lost".into(),
    }
}

#[async_trait]
impl Cluster for Fake {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        let mut state = self.ask(format!("GET {}", target.resource.kind))?;
        let codes = state.unreadable.get_mut(&target.resource.kind);
        if let Some(code) = codes.and_then(VecDeque::pop_front) {
            return Err(status(code));
        }
        Ok(state.objects.iter().find(|one| one.id() == target.id()).cloned())
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.get(target).await
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        let state = self.ask(format!("LIST {}", request.resource.kind))?;
        if let Some(code) = state.unlistable.get(&request.resource.kind) {
            return Err(status(*code));
        }

        let items = state
            .objects
            .iter()
            .filter(|one| one.kind() == request.resource.kind)
            .cloned()
            .collect();
        Ok(Page {
            items,
            continue_from: None,
            resource_version: "1".into(),
        })
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        let mut state = self.ask(format!("WATCH {}", request.resource.kind))?;
        if let Some(code) = state.unwatchable.get(&request.resource.kind) {
            return Err(status(*code));
        }

        let (to, from) = unbounded_channel();
        state.watches.push((request.resource.kind.clone(), to));
        let next = |mut from: tokio::sync::mpsc::UnboundedReceiver<WatchEvent>| async {
            from.recv().await.map(|event| (Ok(event), from))
        };
        Ok(futures::stream::unfold(from, next).boxed())
    }

    async fn create(&self, target: &Target, body: &Value, _: &WriteOptions) -> Result<Applied, ApiError> {
        // The lock is let go before `put`, which takes it again.
        let play = {
            let mut state = self.ask(format!("CREATE {}", target.resource.kind))?;
            if state.objects.iter().any(|one| one.id() == target.id()) {
                return Err(status(409));
            }
            state.plays.pop_front()
        };

        match play {
            Some(Play::Unavailable) => return Err(status(503)),
            Some(Play::Forbidden) => return Err(status(403)),
            Some(Play::LoseAnswer) | None => {}
        }

        let mut body = body.clone();
        // Its name does for a uid: no object here is made twice under one name.
        body["metadata"]["uid"] = target.name.as_str().into();
        // Jobs are quick here.
        body["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
        let object = self.put(body);

        match play {
            Some(Play::LoseAnswer) => Err(lost()),
            _ => Ok(Applied {
                object,
                created: true,
                warnings: Vec::new(),
            }),
        }
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.create(target, body, options).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        let mut state = self.ask(format!("DELETE {}", target.resource.kind))?;
        match state.plays.pop_front() {
            Some(Play::Unavailable) => return Err(status(503)),
            Some(Play::Forbidden) => return Err(status(403)),
            Some(Play::LoseAnswer) | None => {}
        }

        // By its uid, as the real one does: another object under the name stays.
        let Some(at) = state.objects.iter().position(|one| one.uid() == options.uid) else {
            return Ok(Deleted::WasAbsent);
        };

        let gone = state.objects.remove(at);
        let of_kind = state.watches.iter().filter(|(kind, _)| *kind == gone.kind());
        of_kind.for_each(|(_, to)| drop(to.send(WatchEvent::Deleted(gone.clone()))));
        Ok(Deleted::Gone)
    }

    async fn apply(&self, _: &Target, _: &Value, _: &ApplyOptions) -> Result<Applied, ApiError> {
        Err(status(501))
    }

    async fn replace(&self, _: &Target, _: &Value, _: &WriteOptions) -> Result<Applied, ApiError> {
        Err(status(501))
    }

    async fn json_patch(&self, _: &Target, _: &[Value], _: &WriteOptions) -> Result<Applied, ApiError> {
        Err(status(501))
    }

    async fn may(&self, _: &AccessReview) -> Result<bool, ApiError> {
        Ok(true)
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        Ok("test".into())
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        Ok(Vec::new())
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        drop(self.ask("VERSION".into())?);
        Ok(ServerVersion {
            git_version: "v1.37.2".into(),
            major: "1".into(),
            minor: "37".into(),
        })
    }

    async fn logs(&self, _: &LogRequest) -> Result<String, ApiError> {
        Ok(String::new())
    }

    fn server(&self) -> &str {
        "fake"
    }

    fn identity(&self, namespace: &str) -> ClusterIdentity {
        ClusterIdentity {
            context: None,
            in_cluster: false,
            server: "fake".into(),
            namespace: namespace.into(),
        }
    }

    fn default_namespace(&self) -> &str {
        "shop"
    }
}
