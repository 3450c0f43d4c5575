//! Asks a Prometheus server. Whatever is no clear answer is unknown: an error, a body that is too large, a
//! condition that cannot be worked out over the result. None of these is a "no".

use crate::model::environment::PrometheusGate;
use crate::model::unknown::Unknown;
use crate::rollout::{holds, samples};
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Some ten thousand samples.
const LARGEST: usize = 8 * 1024 * 1024;

/// What came of a question.
pub(super) enum QueryResult {
    /// The condition holds.
    Holds,
    /// It does not; what was found.
    HoldsNot(String),
    /// It cannot be told.
    Unknown(Unknown),
}

/// Asks once.
pub(super) async fn ask(gate: &PrometheusGate) -> QueryResult {
    let result = match query(gate).await {
        Ok(result) => result,
        Err(why) => return QueryResult::Unknown(Unknown::new(why)),
    };

    match holds(&gate.condition, &result) {
        Ok(true) => QueryResult::Holds,
        Ok(false) => QueryResult::HoldsNot(format!(
            "{} of {result:?}, the result of {}",
            gate.condition, gate.query
        )),
        // The condition means nothing for this result (there is no sample, say): that is no "no".
        Err(why) => QueryResult::Unknown(Unknown::new(format_args!(
            "{} of {result:?}: {why}",
            gate.condition
        ))),
    }
}

async fn query(gate: &PrometheusGate) -> Result<Vec<f64>, String> {
    let url = format!("{}/api/v1/query", gate.url.trim_end_matches('/'));
    let client = reqwest::Client::builder()
        .timeout(LIMIT)
        .build()
        .map_err(|error| chain(&error))?;

    let answer = client.get(&url).query(&[("query", &gate.query)]).send().await;
    let answer = answer.map_err(|error| chain(&error))?;

    let code = answer.status();
    let body = bounded(answer).await.map_err(|why| format!("{url}: {why}"))?;
    // Whatever the code: an error of Prometheus is JSON too, and its text says more.
    let body: Value = serde_json::from_slice(&body).map_err(|_| format!("{url}: {code} without JSON"))?;

    samples(&body)
}

async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error))? {
        // Counted as it comes: a length that is announced may be wrong, or missing.
        if body.len() + chunk.len() > LARGEST {
            let mib = LARGEST / 1024 / 1024;
            return Err(format!("the result has more than {mib} MiB: aggregate the query"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The error and its causes: the innermost says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(one) = source {
        text = format!("{text}: {one}");
        source = one.source();
    }
    text
}
