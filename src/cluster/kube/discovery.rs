//! Every kind that the server serves: two requests where it aggregates (Kubernetes 1.27 and newer), else one a group
//! version.

use super::body::parse;
use super::transport::{Call, Transport};
use crate::cluster::{ApiError, Discovered};
use crate::model::ResourceType;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::Value;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Asks for every kind.
pub(super) async fn discover(transport: &Transport) -> Result<Vec<Discovered>, ApiError> {
    let (core, groups) = futures::join!(root(transport, "/api"), root(transport, "/apis"));

    let (core, groups) = (core?, groups?);
    let mut found = kinds(transport, &core).await?;
    found.extend(kinds(transport, &groups).await?);
    Ok(found)
}

async fn root(transport: &Transport, address: &str) -> Result<Value, ApiError> {
    let call = Call {
        accept: AGGREGATED,
        ..Call::get(address.into(), address)
    };
    parse(transport.send(call).await?.body).await
}

async fn kinds(transport: &Transport, root: &Value) -> Result<Vec<Discovered>, ApiError> {
    // The server answered in the first form of the Accept header that it knows.
    match root.get("kind").and_then(Value::as_str) {
        Some("APIGroupDiscoveryList") => Ok(aggregated(root)),
        Some("APIVersions") => {
            let versions = texts(root.get("versions"));
            each(
                transport,
                versions.iter().map(|version| (String::new(), version.clone())),
            )
            .await
        }
        _ => each(transport, group_versions(root).into_iter()).await,
    }
}

/// `apidiscovery.k8s.io`: groups → versions, preferred first → resources.
fn aggregated(root: &Value) -> Vec<Discovered> {
    let mut found = Vec::new();
    for group in array(root.get("items")) {
        let name = text(group.pointer("/metadata/name"));
        for version in array(group.get("versions")) {
            for resource in array(version.get("resources")) {
                // A resource whose own kind is not served (only a subresource of it) has none.
                let Some(kind) = resource.pointer("/responseKind/kind").and_then(Value::as_str) else {
                    continue;
                };

                let subresources = array(resource.get("subresources")).iter();
                let mut subresources = subresources.map(|one| text(one.get("subresource")));
                found.push(Discovered {
                    resource: ResourceType {
                        group: name.clone(),
                        version: text(version.get("version")),
                        kind: kind.to_owned(),
                        plural: text(resource.get("resource")),
                        namespaced: text(resource.get("scope")) == "Namespaced",
                    },
                    verbs: texts(resource.get("verbs")),
                    short_names: texts(resource.get("shortNames")),
                    has_status: subresources.any(|name| name == "status"),
                });
            }
        }
    }

    // What can only be reached by a subresource is nothing that can be listed or applied.
    found.retain(|found| !found.verbs.is_empty());
    found
}

/// `APIGroupList`: each group's preferred version first.
fn group_versions(root: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for group in array(root.get("groups")) {
        let name = text(group.get("name"));
        let preferred = text(group.pointer("/preferredVersion/version"));

        let mut versions: Vec<_> = array(group.get("versions"))
            .iter()
            .map(|v| text(v.get("version")))
            .collect();
        // A stable sort: the others stay in the order of the server.
        versions.sort_by_key(|version| *version != preferred);
        pairs.extend(versions.into_iter().map(|version| (name.clone(), version)));
    }
    pairs
}

/// One request a group version; one that does not answer (a broken APIService) leaves its kinds out.
async fn each(
    transport: &Transport,
    pairs: impl Iterator<Item = (String, String)>,
) -> Result<Vec<Discovered>, ApiError> {
    #[derive(Deserialize)]
    struct Resources {
        resources: Vec<Resource>,
    }

    let pairs: Vec<_> = pairs.collect();
    let asked = join_all(pairs.iter().map(|(group, version)| async move {
        let address = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        parse::<Resources>(transport.send(Call::get(address.clone(), &address)).await?.body).await
    }));

    let mut found = Vec::new();
    for ((group, version), answer) in pairs.iter().zip(asked.await) {
        match answer {
            Ok(answer) => {
                // Subresources are named `pods/log`.
                let (parts, whole): (Vec<Resource>, Vec<Resource>) = answer
                    .resources
                    .into_iter()
                    .partition(|resource| resource.name.contains('/'));
                let has_status = |whole: &Resource| {
                    let status = format!("{}/status", whole.name);
                    parts.iter().any(|part| part.name == status)
                };
                found.extend(whole.into_iter().map(|resource| {
                    let has_status = has_status(&resource);
                    resource.into_discovered(group, version, has_status)
                }));
            }
            // One broken aggregated API must not take all the others away. A server that is not there does.
            Err(
                error @ (ApiError::Status { .. } | ApiError::NotServed { .. } | ApiError::Unreadable { .. }),
            ) => {
                tracing::info!(group, version, %error, "a group version cannot be discovered");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
}

impl Resource {
    fn into_discovered(self, group: &str, version: &str, has_status: bool) -> Discovered {
        Discovered {
            resource: ResourceType {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: self.kind,
                plural: self.name,
                namespaced: self.namespaced,
            },
            verbs: self.verbs,
            short_names: self.short_names,
            has_status,
        }
    }
}

fn array(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    array(value)
        .iter()
        .filter_map(|item| item.as_str().map(Into::into))
        .collect()
}
