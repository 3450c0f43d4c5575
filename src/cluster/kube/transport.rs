//! Sends requests: credentials, concurrency, time limits and retries.
//!
//! From the outside in: a turn among those in flight, the time limit, the tries (`retry` says which), and in
//! each try the credentials and the deadline of the lock. The deadline comes last, right before a request
//! leaves: whatever it waited for until then has taken its time. A write is never sent again where it may
//! have been done.

use super::answer::{self, ApiResponse};
use super::config::ConnectionSettings;
use super::credentials::Credentials;
use super::failure;
use super::grant::{ClientCertificate, Grant};
use super::retry::{Failed, Repeat, pause};
use crate::cluster::{ApiError, ConnectError, Moment, SendDeadline};
use crate::model::ClusterIdentity;
use base64::Engine;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tower::{BoxError, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

/// Unary requests in flight at once. Each one holds a connection.
const CONCURRENT: usize = 16;
/// How the server's audit log knows us.
const USER_AGENT: &str = concat!("kubectl-delivery/", env!("CARGO_PKG_VERSION"));

/// A request as the trait's methods make it.
pub(super) struct Call<'a> {
    /// GET, POST, …
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Content-Type of the body.
    pub content_type: &'static str,
    /// Accept.
    pub accept: &'static str,
    /// The body; empty for none.
    pub body: Bytes,
    /// Whether repeating it can do harm.
    pub repeat: Repeat,
    /// When it must have been sent.
    pub not_after: Option<SendDeadline>,
    /// Whether the answer is read as it comes.
    pub is_stream: bool,
    /// `plural.group/version`, for errors.
    pub resource: &'a str,
}

impl<'a> Call<'a> {
    /// A GET.
    pub fn get(path: String, resource: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            content_type: "",
            accept: "application/json",
            body: Bytes::new(),
            repeat: Repeat::Harmless,
            not_after: None,
            is_stream: false,
            resource,
        }
    }
}

/// What a successful request gives.
enum Reply {
    Whole(ApiResponse),
    Stream(Response<Body>),
}

impl Call<'_> {
    async fn read(&self, response: Response<Body>, large: &Semaphore) -> Result<Reply, ApiError> {
        // A refusal is no stream: it is read whole, to say why.
        if self.is_stream && response.status().is_success() {
            return Ok(Reply::Stream(response));
        }
        ApiResponse::read(response, large)
            .await?
            .check(self.resource)
            .map(Reply::Whole)
    }
}

/// Sends requests to one server.
pub(super) struct Transport {
    config: Config,
    credentials: Credentials,
    user_name: String,
    identity: ClusterIdentity,
    timeout: Duration,
    slots: Semaphore,
    /// Held while a large answer is read.
    large: Semaphore,
    client: RwLock<(Client, Option<ClientCertificate>)>,
}

impl Transport {
    /// Makes the client; asks a credential plugin, sends nothing to the server.
    pub async fn new(settings: ConnectionSettings) -> Result<Self, ConnectError> {
        let ConnectionSettings {
            config,
            credentials,
            user_name,
            identity,
            timeout,
        } = settings;

        // Credentials that cannot be had are told before anything is shown or asked.
        let grant = credentials.grant().await?;
        let client = client(&config, grant.certificate.as_ref())?;
        let client = RwLock::new((client, grant.certificate));

        let slots = Semaphore::new(CONCURRENT);
        Ok(Self {
            config,
            credentials,
            user_name,
            identity,
            timeout,
            slots,
            large: Semaphore::new(1),
            client,
        })
    }

    /// The cluster as its user knows it, and the namespace of flags and kubeconfig.
    pub fn identity(&self) -> &ClusterIdentity {
        &self.identity
    }

    /// The kubeconfig's user.
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// Sends a request whose answer is read as a whole.
    pub async fn send(&self, call: Call<'_>) -> Result<ApiResponse, ApiError> {
        // Outside of the limit: waiting for a turn is no silence of the server. A write's deadline counts it
        // all the same.
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.ok();

        match self.limited(self.retried(&call)).await? {
            Reply::Whole(answer) => Ok(answer),
            // Only `open` asks for streams.
            Reply::Stream(response) => ApiResponse::read(response, &self.large).await,
        }
    }

    /// Sends a request whose answer is read as it comes. Not counted among the requests in flight.
    pub async fn open(&self, call: Call<'_>) -> Result<Response<Body>, ApiError> {
        let call = Call {
            is_stream: true,
            ..call
        };

        // The limit is for the answer to begin: how long it goes on its reader knows.
        match self.limited(self.retried(&call)).await? {
            Reply::Stream(response) => Ok(response),
            // A success is a stream here, and a refusal an error already.
            Reply::Whole(answer) => Err(answer.error(call.resource)),
        }
    }

    async fn limited<T>(&self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let seconds = self.timeout.as_secs().max(1);
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or(Err(ApiError::Timeout { seconds }))
    }

    /// Tries until there is an answer, or an error that stays.
    async fn retried(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let start = Instant::now();
        let mut tries = 0;

        loop {
            tries += 1;
            let (result, retry_after) = match self.once(call).await {
                // The body belongs to the try: one that breaks
                // half-way is sent again like one that never came.
                Ok(response) => {
                    let retry_after = answer::retry_after(response.headers());
                    (call.read(response, &self.large).await, retry_after)
                }
                Err(error) => (Err(error), None),
            };

            let error = match result {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };

            let failed = Failed {
                error: &error,
                retry_after,
                tries,
                elapsed: start.elapsed(),
            };

            // What is known now tells more than a time limit that ends in the middle of a pause.
            let in_time = |pause: &Duration| start.elapsed() + *pause < self.timeout;
            let Some(pause) = pause(call.repeat, &failed).filter(in_time) else {
                return Err(error);
            };

            let code = error.code();
            tracing::info!(method = %call.method, path = call.path, code, ?pause, tries, "sending again");
            tokio::time::sleep(pause).await;
        }
    }

    /// One try; a second one with new credentials where the server does not accept the old ones.
    async fn once(&self, call: &Call<'_>) -> Result<Response<Body>, ApiError> {
        let grant = self.credentials.grant().await?;
        let response = self.exchange(call, &grant).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }

        // Not even a write was begun where its credentials were refused: once more does no harm.
        if !self.credentials.forget(&grant).await {
            return Err(self.unauthorised());
        }

        let grant = self.credentials.grant().await?;
        let response = self.exchange(call, &grant).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            Err(self.unauthorised())
        } else {
            Ok(response)
        }
    }

    async fn exchange(&self, call: &Call<'_>, grant: &Grant) -> Result<Response<Body>, ApiError> {
        let client = self.client_for(grant)?;
        // The deadline is looked at here and no earlier: turns,
        // pauses and plugins have taken their time by now.
        let start = Instant::now();
        let response = send_before_deadline(call.not_after, client.send(request(call, grant)?)).await?;
        let millis = start.elapsed().as_millis();

        match response {
            Ok(response) => {
                let code = response.status().as_u16();
                tracing::debug!(method = %call.method, path = call.path, code, millis, "answered");
                Ok(response)
            }
            Err(error) => {
                let error = failure::from_client(&error, &self.identity.server);
                tracing::debug!(method = %call.method, path = call.path, %error, millis, "failed");
                Err(error)
            }
        }
    }

    /// The client; a new one where a plugin gave a new certificate.
    fn client_for(&self, grant: &Grant) -> Result<Client, ApiError> {
        // A guard must not be held while a client is made, nor the two locks at once.
        {
            let cached = self.client.read().unwrap_or_else(PoisonError::into_inner);
            if cached.1 == grant.certificate {
                return Ok(cached.0.clone());
            }
        }

        let renewed = client(&self.config, grant.certificate.as_ref())?;
        // Two that renew it at once make two clients, and the last one stays.
        *self.client.write().unwrap_or_else(PoisonError::into_inner) =
            (renewed.clone(), grant.certificate.clone());
        Ok(renewed)
    }

    fn unauthorised(&self) -> ApiError {
        let who = match self.user_name.as_str() {
            "" => "these credentials".to_owned(),
            name => format!("the credentials of {name:?}"),
        };

        ApiError::Status {
            code: 401,
            reason: "Unauthorized".into(),
            message: format!("the API server {} rejects {who}", self.identity.server),
            causes: Vec::new(),
        }
    }
}

/// Sends where it is not too late yet, and gives the request up when it has become so: a process that slept in between
/// must not send what it had prepared before.
async fn send_before_deadline<T>(
    not_after: Option<SendDeadline>,
    send: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let Some(deadline) = not_after else {
        return Ok(send.await);
    };
    if deadline.is_over(Moment::now()) {
        return Err(ApiError::TooLate);
    }

    tokio::select! {
        // The deadline is polled first: where both are ready, nothing leaves this machine.
        biased;
        () = deadline.over() => {
            // Not TooLate: the request may be on its way. A closed connection has the server give it up.
            Err(ApiError::Broken { why: "aborted: the lock was not renewed in time".into() })
        }
        sent = send => Ok(sent),
    }
}

fn request(call: &Call<'_>, grant: &Grant) -> Result<Request<Body>, ApiError> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.path.as_str())
        .header(header::ACCEPT, call.accept)
        .header(header::USER_AGENT, USER_AGENT);
    if !call.content_type.is_empty() {
        request = request.header(header::CONTENT_TYPE, call.content_type);
    }
    if call.is_stream {
        // The client library reads only the first member of a stream that is gzipped event by event.
        request = request.header(header::ACCEPT_ENCODING, "identity");
    }

    if let Some(authorization) = &grant.header {
        request = request.header(header::AUTHORIZATION, authorization);
    }

    let body = if call.body.is_empty() {
        Body::empty()
    } else {
        Body::from(call.body.clone())
    };

    request.body(body).map_err(|error| ApiError::Status {
        // A path with characters that no URL has: nothing was sent, and nothing will be.
        code: 400,
        reason: "BadRequest".into(),
        message: format!("{:?} cannot be asked for: {error}", call.path),
        causes: Vec::new(),
    })
}

fn client(config: &Config, certificate: Option<&ClientCertificate>) -> Result<Client, ConnectError> {
    let mut config = config.clone();
    if let Some(given) = certificate {
        let encode = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
        config.auth_info.client_certificate_data = Some(encode(&given.certificate));
        config.auth_info.client_key_data = Some(encode(&given.key).into());
    }

    // A tunnel is the library's to build, which is worth the delay of small writes.
    let built = match config.proxy_url {
        Some(_) => ClientBuilder::try_from(config).map(ClientBuilder::build),
        None => direct(&config),
    };
    built.map_err(|error| ConnectError::Unusable(format!("cannot use the kubeconfig: {error}")))
}

/// The client library's own layers, but over a connector of ours: its own lets small writes wait for
/// acknowledgements, which servers delay by 40 ms.
fn direct(config: &Config) -> Result<Client, kube::Error> {
    let mut connector = HttpConnector::new();
    // It opens the TCP connection alone: a URL's scheme is the business of the TLS around it.
    connector.enforce_http(false);

    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(connector)?;

    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let unpack = DecompressionLayer::new().gzip(!config.disable_compression);

    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(unpack)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace.clone()))
}
