//! One request through the proxy.

use super::Shared;
use super::act::{Act, Recorded};
use super::faults::Fault;
use super::running::Process;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, Error>>;

/// The real server, as the kubeconfig's user.
pub(super) struct Upstream {
    client: kube::Client,
}

impl Upstream {
    /// From a kubeconfig.
    pub async fn from_server(kubeconfig: &Path) -> Self {
        let file = Kubeconfig::read_from(kubeconfig).unwrap_or_else(|error| panic!("{error}"));
        let options = KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .unwrap();
        config.default_retry = false;
        config.disable_compression = true;
        config.proxy_url = None;
        Self {
            client: ClientBuilder::try_from(config).unwrap().build(),
        }
    }

    /// The context's namespace.
    pub fn namespace(&self) -> &str {
        self.client.default_namespace()
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Error> {
        let (mut head, body) = request.into_parts();
        for name in [
            header::HOST,
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
        ] {
            head.headers.remove(name);
        }
        head.headers
            .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        head.uri = head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .parse()?;
        let body = if body.is_empty() {
            Body::empty()
        } else {
            Body::from(body)
        };
        Ok(self.client.send(Request::from_parts(head, body)).await?)
    }
}

/// Forwards one request, with what is armed and the faults that are played. An error closes the connection.
pub(super) async fn forward(
    upstream: Arc<Upstream>,
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Answer, Error> {
    let (head, body) = request.into_parts();
    let mut request = Request::from_parts(head, body.collect().await?.to_bytes());
    if shared.state().is_old {
        request
            .headers_mut()
            .insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    }
    let recorded = Recorded::from_request(&request);
    let is_watch = recorded.query.contains("watch=true");
    let (place, round, act, fault) = {
        let mut state = shared.state();
        let (place, act) = state.note(recorded);
        let fault = state.faults.and_then(|faults| faults.at(place, is_watch));
        (place, state.round, act, fault)
    };
    before(&shared, act).await?;
    if let Some(answer) = instead(fault).await? {
        return Ok(answer);
    }
    let response = upstream.send(request).await?;
    note_code(&shared, round, place, response.status());
    after(&shared, act).await?;
    match fault {
        Some(Fault::LostAnswer) => {
            // Only once the server has really done it; a watch has no end that could be waited for.
            if !is_watch {
                response.into_body().collect().await?;
            }
            Err("the answer is lost".into())
        }
        Some(Fault::Cut) => cut(response, is_watch).await,
        Some(Fault::DroppedWatch) => Ok(first_event(response)),
        _ if is_watch => Ok(until_cut(response, shared)),
        _ => Ok(response.map(|body| BodyExt::boxed_unsync(body.map_err(Error::from)))),
    }
}

async fn before(shared: &Shared, act: Option<Act>) -> Result<(), Error> {
    match act {
        Some(Act::KillBefore) => kill(shared).await,
        Some(Act::FreezeBefore) => {
            if let Some(process) = process(shared).await {
                process.freeze();
            }
            hold(shared).await;
            Ok(())
        }
        Some(Act::HoldBefore) => {
            hold(shared).await;
            Ok(())
        }
        Some(Act::LoseRequest) => {
            acted(shared);
            Err("the request is lost".into())
        }
        _ => Ok(()),
    }
}

async fn after(shared: &Shared, act: Option<Act>) -> Result<(), Error> {
    match act {
        Some(Act::KillAfter) => kill(shared).await,
        Some(Act::FreezeAfter) => {
            if let Some(process) = process(shared).await {
                process.freeze();
            }
            hold(shared).await;
            Ok(())
        }
        Some(Act::LoseAnswer) => {
            acted(shared);
            Err("the answer is lost".into())
        }
        _ => Ok(()),
    }
}

async fn kill(shared: &Shared) -> Result<(), Error> {
    if let Some(process) = process(shared).await {
        process.kill();
    }
    acted(shared);
    Err("the process is dead".into())
}

/// The process; waits where its request is faster than its start is known.
async fn process(shared: &Shared) -> Option<Arc<Process>> {
    loop {
        let changed = shared.changed.notified();
        if let Ok(process) = shared.state().process() {
            return process;
        }
        changed.await;
    }
}

async fn hold(shared: &Shared) {
    acted(shared);
    loop {
        let changed = shared.changed.notified();
        if shared.state().is_released() {
            return;
        }
        changed.await;
    }
}

fn acted(shared: &Shared) {
    shared.state().acted();
}

fn note_code(shared: &Shared, round: u64, place: usize, code: StatusCode) {
    let mut state = shared.state();
    if state.round == round
        && let Some(recorded) = state.recorded.get_mut(place)
    {
        recorded.code = Some(code.as_u16());
    }
}

/// What a fault answers in the server's place.
async fn instead(fault: Option<Fault>) -> Result<Option<Answer>, Error> {
    let status = |code: u16, reason: &str| {
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
            "message": format!("a fault of the test: {reason}"),
        });
        Response::builder()
            .status(code)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::RETRY_AFTER, "0")
            .body(whole(Bytes::from(text.to_string())))
    };
    Ok(match fault {
        Some(Fault::Reset) => return Err("the connection is reset".into()),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            None
        }
        Some(Fault::Throttled) => Some(status(429, "TooManyRequests")?),
        Some(Fault::Unavailable) => Some(status(503, "ServiceUnavailable")?),
        Some(Fault::Expired) => Some(status(410, "Expired")?),
        Some(Fault::Failed) => Some(
            Response::builder()
                .status(500)
                .body(whole(Bytes::from("<html>it broke</html>")))?,
        ),
        _ => None,
    })
}

/// Half of the body, and then nothing: the declared length is not reached.
async fn cut(response: Response<Body>, is_watch: bool) -> Result<Answer, Error> {
    if is_watch {
        return Ok(first_event(response));
    }
    let (head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let half = bytes.slice(..bytes.len() / 2);
    let frames = [Ok(Frame::data(half)), Err(Error::from("the body is cut"))];
    let body = StreamBody::new(futures::stream::iter(frames));
    Ok(Response::from_parts(head, BodyExt::boxed_unsync(body)))
}

/// The first frame of a stream, and then its clean end.
fn first_event(response: Response<Body>) -> Answer {
    use futures::StreamExt;
    let (head, body) = response.into_parts();
    let frames = body
        .map_err(Error::from)
        .into_data_stream()
        .take(1)
        .map(|frame| frame.map(Frame::data));
    Response::from_parts(head, BodyExt::boxed_unsync(StreamBody::new(frames)))
}

/// A watch, which breaks in its middle when all of them are cut.
fn until_cut(response: Response<Body>, shared: Arc<Shared>) -> Answer {
    use futures::StreamExt;
    let (head, body) = response.into_parts();
    let frames = body.map_err(Error::from).into_data_stream();
    let frames = frames.map(|frame| frame.map(Frame::data)).boxed();
    let cut = Box::pin(async move { shared.cut.notified().await });
    let frames = futures::stream::unfold(Some((frames, cut)), |open| async move {
        let (mut frames, mut cut) = open?;
        tokio::select! {
            frame = frames.next() => Some((frame?, Some((frames, cut)))),
            () = &mut cut => Some((Err(Error::from("the watch is cut")), None)),
        }
    });
    Response::from_parts(head, BodyExt::boxed_unsync(StreamBody::new(frames)))
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, Error> {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}
