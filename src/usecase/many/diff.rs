//! What runs of several releases against what was promoted of each.
//!
//! Each is compared on a thread of its own beside the one that drives the connections, a few at a time, and becomes what is
//! shown of it before the next one begins: of thousands of objects only what differs is held.

use super::health::{HealthOfMany, assess};
use super::{ListedRelease, ReleaseSelection, concurrency, hold, incomplete_error};
use crate::cluster::Cluster;
use crate::load::LoadedEnvironment;
use crate::model::Target;
use crate::model::finding::{ImageFinding, ImageState};
use crate::model::moves::ReleaseRef;
use crate::model::status::HealthState;
use crate::observe::aside;
use crate::report::clean;
use crate::report::diff::many::{ImageCounts, ManyView, ReleaseFacts, ReleaseHealth, ReleaseView};
use crate::usecase::diff::{DiffOutcome, DiffRequest, DiffSource, LoadedSource, diff};
use crate::usecase::differences::Differences;
use crate::usecase::inputs::open_environment;
use crate::usecase::status::is_workload;
use crate::usecase::{CommandError, ErrorKind, Scope};
use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::runtime::Handle;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct DiffManyRequest {
    /// Which releases.
    pub selection: ReleaseSelection,
    /// How each is compared: its source and its environment are those of the promoted release.
    pub each: DiffRequest,
}

/// Compares them.
///
/// # Errors
///
/// Where they cannot be listed, there are none, or the cluster cannot be reached. What cannot be read of one of them is in
/// the view.
pub async fn diff_many(request: &DiffManyRequest, scope: &Scope) -> Result<ManyView, CommandError> {
    let began = Timestamp::now();
    let mut listed = request.selection.list(scope).await?;
    let held = hold(&scope.cluster, &mut listed);

    let compared: Vec<Compared> = stream::iter(listed)
        .map(|listed| compare_aside(listed, request.each.clone(), held.clone()))
        .buffered(concurrency())
        .collect()
        .await;
    let targets = compared.iter().flat_map(|one| one.workloads.iter().cloned());
    let health = assess(&held, targets.collect()).await;

    let releases = compared.into_iter().map(|one| one.into_view(&health)).collect();
    Ok(ManyView::new(scope.identity(), began, releases))
}

/// An error that names the releases of which something could not be read that no waiver names.
///
/// # Errors
///
/// Where there is one.
pub fn ensure_read(view: &ManyView) -> Result<(), CommandError> {
    let names: Vec<String> = view
        .incomplete()
        .map(|release| format!("{}/{}", release.namespace, release.name))
        .collect();
    incomplete_error(&names, view.releases.len()).map_or(Ok(()), Err)
}

/// One release, compared.
struct Compared {
    release: ReleaseRef,
    promoted: Option<(String, u32)>,
    images: ImageCounts,
    /// The workloads that health is read of.
    workloads: Vec<Target>,
    outcome: ComparisonOutcome,
}

enum ComparisonOutcome {
    /// Its view, and whether something could not be read.
    View(Box<crate::report::diff::View>, bool),
    NotPromoted,
    Unknown(CommandError),
}

/// Compares one on a thread that moves no bytes: parsing and comparing hundreds of objects would hold up the others'
/// answers.
async fn compare_aside(listed: ListedRelease, request: DiffRequest, held: Arc<dyn Cluster>) -> Compared {
    let runtime = Handle::current();
    aside(move || runtime.block_on(compare(listed.release, request, held))).await
}

async fn compare(release: ReleaseRef, request: DiffRequest, held: Arc<dyn Cluster>) -> Compared {
    let mut compared = Compared {
        images: ImageCounts::default(),
        promoted: None,
        workloads: Vec::new(),
        outcome: ComparisonOutcome::NotPromoted,
        release,
    };
    if let Err(error) = compared.fill(request, held).await {
        compared.outcome = ComparisonOutcome::Unknown(error);
    }
    compared
}

impl Compared {
    async fn fill(&mut self, request: DiffRequest, cluster: Arc<dyn Cluster>) -> Result<(), CommandError> {
        let ReleaseRef { namespace, name } = &self.release;
        let state = request
            .access
            .read_checked(cluster.as_ref(), namespace, name)
            .await?;
        let inventory = state.inventory.as_ref().map(|inventory| &inventory.value);
        let Some(entry) = inventory.and_then(|inventory| inventory.promoted()) else {
            return Ok(());
        };
        self.promoted = Some((entry.release.version.clone(), entry.revision));

        let request = DiffRequest {
            source: DiffSource::Promoted(Some(name.clone())),
            ..request
        };
        let environment: LoadedEnvironment = open_environment(None)?;
        let loaded = LoadedSource::Stored(Box::new(environment), Box::new(state));
        let scope = Scope {
            cluster,
            home: namespace.clone(),
        };
        match diff(&request, loaded, &scope).await? {
            DiffOutcome::Differences(differences) => self.take(&differences),
            DiffOutcome::Recent(_) => {
                let message = "what changed lately is shown of one release alone";
                return Err(CommandError::new(ErrorKind::Usage, message));
            }
        }
        Ok(())
    }

    /// Keeps what is shown, and where health is to be read.
    fn take(&mut self, differences: &Differences) {
        let view = differences.view(None);
        self.images = ImageCounts {
            is_read: differences.has_read_pods,
            differ: view.summary.images,
            ..count_images(&differences.comparison.images)
        };
        let desired = differences.comparison.objects.iter();
        let desired = desired.filter(|object| object.desired.is_some() && is_workload(&object.target));
        self.workloads = desired.map(|object| object.target.clone()).collect();
        let is_incomplete = !differences.unchecked.is_empty();
        self.outcome = ComparisonOutcome::View(Box::new(view), is_incomplete);
    }

    fn into_view(self, health: &HealthOfMany) -> ReleaseView {
        let health = match &self.outcome {
            ComparisonOutcome::Unknown(_) => Some(ReleaseHealth {
                state: HealthState::Unknown,
                causes: Vec::new(),
            }),
            _ => health.release_health(&self.workloads),
        };
        let facts = ReleaseFacts {
            namespace: self.release.namespace,
            name: self.release.name,
            promoted: self.promoted,
            images: self.images,
            health,
        };
        match self.outcome {
            ComparisonOutcome::View(view, is_incomplete) => {
                ReleaseView::compared(facts, *view, is_incomplete)
            }
            ComparisonOutcome::NotPromoted => ReleaseView::not_promoted(facts),
            ComparisonOutcome::Unknown(error) => ReleaseView::unknown(facts, describe(&error)),
        }
    }
}

fn count_images(images: &[ImageFinding]) -> ImageCounts {
    let count = |state: ImageState| images.iter().filter(|image| image.state == state).count();
    ImageCounts {
        verified: count(ImageState::Match),
        unknown: count(ImageState::Unknown),
        ..ImageCounts::default()
    }
}

/// An error with its causes in one text.
fn describe(error: &CommandError) -> String {
    let causes = error.causes.iter().map(String::as_str);
    let texts: Vec<&str> = [error.message.as_str()].into_iter().chain(causes).collect();
    clean(&texts.join(": ")).into_owned()
}
