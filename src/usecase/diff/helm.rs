//! What Helm takes for a release: the manifest of one of its revisions, read out of the cluster without a chart and without
//! helm.
//!
//! A revision that is named costs one read by name, and needs no other permission. Without one the labels of all revisions are
//! listed, and the one is read that an upgrade would start from. Helm's own storage drivers are tried in turn: which one is
//! used only the environment of whoever runs helm knows.

use super::source::inputs_of_objects;
use crate::cluster::{ApiError, Cluster};
use crate::load::{HelmPlace, HelmRelease, LoadedEnvironment, helm_release};
use crate::model::Target;
use crate::model::helm::{HelmReference, HelmRevision, StoredRevision, current_revision};
use crate::model::names::docs_url;
use crate::observe::{HelmStorage, helm_payload, helm_revisions};
use crate::usecase::inputs::Inputs;
use crate::usecase::scope::check_namespace;
use crate::usecase::{CommandError, ErrorKind, Scope};

/// A revision that is compared with what runs.
pub(super) struct HelmInputs {
    /// Its objects, as those of manifests alone.
    pub inputs: Inputs,
    pub revision: HelmRevision,
    /// What was not compared, and which other revisions there are.
    pub notes: Vec<String>,
}

/// Reads the revision that is named, or the current one.
pub(super) async fn helm_inputs(
    reference: &HelmReference,
    environment: LoadedEnvironment,
    scope: &Scope,
) -> Result<HelmInputs, CommandError> {
    let lookup = Lookup {
        cluster: scope.cluster.as_ref(),
        namespace: &scope.home,
        reference,
    };
    let (storages, revision, mut notes) = match reference.revision {
        Some(revision) => (HelmStorage::ALL.to_vec(), revision, Vec::new()),
        None => {
            let (storage, revision, notes) = lookup.find_current().await?;
            (vec![storage], revision, notes)
        }
    };

    let release = lookup.read(&storages, revision).await?;
    let hooks = not_compared(release.hooks, "hook of the chart", "hooks of the chart");
    let unnamed = not_compared(
        release.unnamed,
        "object with generateName",
        "objects with generateName",
    );
    notes.extend(hooks.into_iter().chain(unnamed));

    Ok(HelmInputs {
        inputs: inputs_of_objects(release.objects, environment),
        revision: release.revision,
        notes,
    })
}

fn not_compared(count: usize, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one} is not compared")),
        _ => Some(format!("{count} {many} are not compared")),
    }
}

/// Where a release is looked for.
struct Lookup<'l> {
    cluster: &'l dyn Cluster,
    namespace: &'l str,
    reference: &'l HelmReference,
}

impl Lookup<'_> {
    /// Where the current revision is stored, its number, and what should be known of the others.
    async fn find_current(&self) -> Result<(HelmStorage, u32, Vec<String>), CommandError> {
        let mut refused = None;
        for storage in HelmStorage::ALL {
            let name = &self.reference.name;
            let listed = helm_revisions(self.cluster, storage, self.namespace, name).await;
            let revisions = match listed {
                Err(error) if is_refused(&error) => {
                    refused.get_or_insert((storage, error));
                    continue;
                }
                listed => listed?,
            };
            if let Some(current) = current_revision(&revisions) {
                let mut notes = self.remarks(current, &revisions);
                // An older revision may lie here since the driver was another one.
                notes.extend(refused.map(|(storage, _)| self.not_listed(storage)));
                return Ok((storage, current.revision, notes));
            }
        }

        Err(match refused {
            Some((storage, error)) => self.list_error(storage, &error),
            None => self.absence_error().await,
        })
    }

    /// Reads a revision where it is first found.
    async fn read(&self, storages: &[HelmStorage], revision: u32) -> Result<HelmRelease, CommandError> {
        let mut refused = None;
        for storage in storages {
            let target = storage.target(self.namespace, &self.reference.name, revision);
            match helm_payload(self.cluster, *storage, &target).await {
                Ok(Some(payload)) => return self.parse(&payload, &target, revision),
                Ok(None) => {}
                Err(error) if is_refused(&error) => {
                    refused.get_or_insert((target, error));
                }
                Err(error) => return Err(error.into()),
            }
        }

        Err(match refused {
            Some((target, error)) => self.get_error(&target, &error),
            None => self.revision_error(revision).await,
        })
    }

    fn parse(&self, payload: &[u8], target: &Target, revision: u32) -> Result<HelmRelease, CommandError> {
        let place = HelmPlace {
            name: &self.reference.name,
            namespace: self.namespace,
            revision,
        };
        helm_release(payload, place)
            .map_err(|error| CommandError::new(ErrorKind::Refused, format!("{target}: {error}")))
    }

    /// The command that compares with a revision.
    fn command(&self, revision: &str) -> String {
        let (name, namespace) = (&self.reference.name, self.namespace);
        format!("kubectl delivery diff --helm {name}@{revision} -n {namespace}")
    }

    fn remarks(&self, current: &StoredRevision, revisions: &[StoredRevision]) -> Vec<String> {
        let name = &self.reference.name;
        let mut remarks = Vec::new();
        if !current.is_deployed() {
            remarks.push(format!(
                "no revision of Helm release {name} is deployed: compared with the newest"
            ));
        }

        let newest = revisions.iter().max_by_key(|one| one.revision);
        if let Some(newest) = newest.filter(|newest| newest.revision != current.revision) {
            let StoredRevision { revision, status } = newest;
            let command = self.command(&revision.to_string());
            remarks.push(format!(
                "revision {revision} of Helm release {name} is {status}; to compare with it: {command}"
            ));
        }
        remarks
    }

    fn not_listed(&self, storage: HelmStorage) -> String {
        let (resource, namespace) = (storage.resource().plural, self.namespace);
        format!(
            "missing permission: list {resource} in namespace {namespace}; Helm may store newer revisions there"
        )
    }

    fn list_error(&self, storage: HelmStorage, error: &ApiError) -> CommandError {
        let (resource, namespace) = (storage.resource().plural, self.namespace);
        let name = &self.reference.name;
        let message = format!(
            "missing permission: list {resource} in namespace {namespace} (to find the revisions of Helm release {name})"
        );
        let command = self.command("REVISION");
        CommandError::new(ErrorKind::Unreachable, message)
            .with_source(error)
            .with_hint(format!("to read one revision alone: {command}"))
    }

    fn get_error(&self, target: &Target, error: &ApiError) -> CommandError {
        let (resource, namespace) = (&target.resource.plural, self.namespace);
        let (stored, name) = (&target.name, &self.reference.name);
        let message = format!(
            "missing permission: get {resource}/{stored} in namespace {namespace} (Helm stores release {name} there)"
        );
        CommandError::new(ErrorKind::Unreachable, message)
            .with_source(error)
            .with_hint(format!(
                "kubectl auth can-i get {resource}/{stored} -n {namespace}"
            ))
    }

    async fn revision_error(&self, revision: u32) -> CommandError {
        if let Err(error) = check_namespace(self.cluster, self.namespace).await {
            return error;
        }
        let (name, namespace) = (&self.reference.name, self.namespace);
        let message = format!("no revision {revision} of Helm release {name} in namespace {namespace}");
        CommandError::usage(message).with_hint(format!(
            "to list its revisions: helm history {name} -n {namespace}"
        ))
    }

    async fn absence_error(&self) -> CommandError {
        if let Err(error) = check_namespace(self.cluster, self.namespace).await {
            return error;
        }
        let (name, namespace) = (&self.reference.name, self.namespace);
        let message =
            format!("no Helm release {name} in the Secrets and ConfigMaps of namespace {namespace}");
        CommandError::usage(message)
            .with_hint(format!(
                "to list what Helm stores there: kubectl get secrets,configmaps -l owner=helm -n {namespace}"
            ))
            .with_hint(format!(
                "what Helm's SQL driver stores is not read: {}",
                docs_url("helm.md")
            ))
    }
}

/// Whether the user may not do it; other errors are of the server or the connection.
fn is_refused(error: &ApiError) -> bool {
    error.code() == Some(403)
}
