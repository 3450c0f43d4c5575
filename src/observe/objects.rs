//! Reads many objects: one list for each kind and namespace, or one by one where they are few.
//!
//! Each target gets an answer: it is there, it is not, or it could not be read. Only a cluster that cannot be
//! reached, or a list without an end, is an error of all. A list's silence counts as absence only when the
//! whole list has been read; where it breaks or may not be made, what is left is read by name. Secrets always
//! are.
//!
//! Thousands of objects must not be held at once. Each page goes to the caller's function on another thread
//! while the next one comes, and what it keeps of an object is all that is held.

use super::{Aside, aside};
use crate::cluster::{ApiError, Cluster, ListRequest, Pages, paged};
use crate::model::keep::{is_kept_kind, keep_mark};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::snapshot::{Absence, Observed, Snapshot};
use crate::model::{Object, ResourceType, Target};
use futures::FutureExt;
use futures::future::{Shared, join_all};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

/// So many objects of a kind, or fewer, are read one by one.
const ONE_BY_ONE: usize = 5;
/// Objects of the first page. Most kinds have no second one.
const FIRST_PAGE: u32 = 250;
/// Objects of the further ones: of each kind two pages are held at a time.
const NEXT_PAGE: u32 = 100;

/// Reads the targets. What cannot be read is in the snapshot as such; only a cluster that cannot be reached at all is
/// an error.
pub async fn objects(cluster: &dyn Cluster, targets: &[Target]) -> Result<Snapshot, ApiError> {
    let as_read = std::future::ready(Arc::new(|_, observed| observed));

    let observed = each(cluster, targets, None, as_read).await?.taken;

    let id = |index: usize| targets.get(index).map(Target::id);
    let objects = observed
        .into_iter()
        .filter_map(|(index, one)| Some((id(index)?, one)))
        .collect();

    Ok(Snapshot { objects })
}

/// Hands each target to `take` as soon as it is read, with its index, on threads that move no bytes: of an
/// object only what `take` keeps is held. Others of the same kinds and namespaces that carry the label of
/// `set` are strays. Answers by index, in order. What `take` is may be known later than the first page.
pub async fn each<T, F>(
    cluster: &dyn Cluster,
    targets: &[Target],
    set: Option<&str>,
    take: impl Future<Output = Arc<F>>,
) -> Result<Each<T>, ApiError>
where
    T: Send + 'static,
    F: Fn(usize, Observed) -> T + Send + Sync + 'static,
{
    let mut groups: BTreeMap<(&ResourceType, Option<&str>), HashMap<&str, usize>> = BTreeMap::new();
    for (index, target) in targets.iter().enumerate() {
        let group = groups
            .entry((&target.resource, target.namespace.as_deref()))
            .or_default();
        group.insert(&target.name, index);
    }

    let take = take.shared();
    // All groups at once: how many requests run side by side is the client's business.
    let reading = groups.into_iter().map(|((resource, namespace), by_name)| {
        let (taken, strays, taking) = (Vec::new(), Vec::new(), None);
        Group {
            cluster,
            targets,
            resource,
            namespace,
            set,
            by_name,
            taken,
            strays,
            taking,
        }
        .read(take.clone())
    });

    let mut all = Each {
        taken: Vec::with_capacity(targets.len()),
        strays: Vec::new(),
    };
    for group in join_all(reading).await {
        // What ends it is of all of them: what goes wrong with one object is told of that object.
        let group = group?;
        all.taken.extend(group.taken);
        all.strays.extend(group.strays);
    }
    // Groups and pages come in any order, and a report must not depend on it.
    all.taken.sort_unstable_by_key(|(index, _)| *index);
    Ok(all)
}

/// What was read of targets.
pub struct Each<T> {
    /// What was taken of each target, by index.
    pub taken: Vec<(usize, T)>,
    /// Other objects of the same kinds and namespaces that carry the set's label.
    pub strays: Vec<Target>,
}

/// Targets of one kind and namespace.
struct Group<'a, T> {
    cluster: &'a dyn Cluster,
    targets: &'a [Target],
    resource: &'a ResourceType,
    namespace: Option<&'a str>,
    set: Option<&'a str>,
    /// Those that have not been read yet.
    by_name: HashMap<&'a str, usize>,
    /// Those that have been taken.
    taken: Vec<(usize, T)>,
    strays: Vec<Target>,
    /// Those of the latest page.
    taking: Option<Aside<Vec<(usize, T)>>>,
}

impl<T: Send + 'static> Group<'_, T> {
    async fn read<F>(mut self, take: Shared<impl Future<Output = Arc<F>>>) -> Result<Each<T>, ApiError>
    where
        F: Fn(usize, Observed) -> T + Send + Sync + 'static,
    {
        // Secrets are read by name, never listed: whoever may read the release's need not read all.
        let is_secret = self.resource.is_secret();
        let is_many = self.by_name.len() > ONE_BY_ONE && !self.cluster.answers_from_memory();
        // Where the kind may not be listed, or a page fails, whatever is left is read by name.
        let is_listed = is_many && !is_secret && self.list(&take).await?;

        let rest: Vec<usize> = self.by_name.values().copied().collect();
        let rest = match is_listed {
            // A whole list has been read: what it does not hold is not there.
            true => rest
                .into_iter()
                .map(|index| (index, Observed::Absent(Absence::Object)))
                .collect(),
            false => {
                let reads = rest.iter().map(|index| read(self.cluster, &self.targets[*index]));
                let (reads, labelled) = futures::join!(join_all(reads), self.labelled(is_secret));
                // A list has found them on its way; here they are asked for by their label.
                self.strays.extend(labelled);
                let reads: Result<Vec<_>, _> = reads.into_iter().collect();
                rest.into_iter().zip(reads?).collect()
            }
        };

        self.start_taking(rest, &take).await;
        self.join_reader().await;

        Ok(Each {
            taken: self.taken,
            strays: self.strays,
        })
    }

    /// Others that carry the set's label, where what is read is not listed. What may not be listed is nobody's to name.
    async fn labelled(&self, is_secret: bool) -> Vec<Target> {
        let Some(set) = self.set.filter(|_| !is_secret) else {
            return Vec::new();
        };

        let request = ListRequest::all(self.resource, self.namespace).with_only_metadata();
        let request = request.with_labels(&format!("{APPLYSET_PART_OF_LABEL}={set}"));

        let other = |object: Object| {
            let name = object.name();
            let is_other = !self.by_name.contains_key(name) && !was_left(self.resource, &object);
            is_other.then(|| Target::new(self.resource, self.namespace, name))
        };

        // Nobody's plan hangs on strays: where they cannot be listed, they are not named.
        let others = paged(self.cluster, request, other).await.unwrap_or_default();
        others.into_iter().flatten().collect()
    }

    /// Lists them; false where they may not be listed.
    async fn list<F>(&mut self, take: &Shared<impl Future<Output = Arc<F>>>) -> Result<bool, ApiError>
    where
        F: Fn(usize, Observed) -> T + Send + Sync + 'static,
    {
        let mut request = ListRequest {
            limit: Some(FIRST_PAGE),
            ..ListRequest::all(self.resource, self.namespace)
        };

        let mut pages = Pages::default();
        loop {
            let page = match self.cluster.list(&request).await {
                Ok(page) => page,
                // Reading hundreds of objects one by one from a
                // server that is not there would only take longer.
                Err(error) if is_unreachable(&error) => return Err(error),
                Err(_) => return Ok(false),
            };

            let wanted = page.items.into_iter().filter_map(|object| {
                // A list without a namespace is of all of them: a name alone is no match.
                let is_here = object.namespace() == self.namespace;
                let index = is_here.then(|| self.by_name.remove(object.name())).flatten();
                if index.is_none()
                    && self
                        .set
                        .is_some_and(|set| object.label(APPLYSET_PART_OF_LABEL) == Some(set))
                    && !was_left(self.resource, &object)
                {
                    self.strays
                        .push(Target::new(self.resource, self.namespace, object.name()));
                }
                Some((index?, Observed::Present(object)))
            });

            let wanted = wanted.collect();
            self.start_taking(wanted, take).await;
            if !pages.go_on(&mut request, page.continue_from)? {
                return Ok(true);
            }
            request.limit = Some(NEXT_PAGE);
        }
    }

    async fn start_taking<F>(
        &mut self,
        observed: Vec<(usize, Observed)>,
        take: &Shared<impl Future<Output = Arc<F>>>,
    ) where
        F: Fn(usize, Observed) -> T + Send + Sync + 'static,
    {
        // The first page waits for it: what admission may do is read beside the lists.
        let take = take.clone().await;
        // One page at a time: pages that wait would be held whole.
        self.join_reader().await;
        self.taking = Some(aside(move || {
            observed
                .into_iter()
                .map(|(index, one)| (index, take(index, one)))
                .collect()
        }));
    }

    async fn join_reader(&mut self) {
        if let Some(taking) = self.taking.take() {
            self.taken.extend(taking.await);
        }
    }
}

/// Whether a promotion left the object in place when it left the release: its label says where it was once.
fn was_left(resource: &ResourceType, object: &Object) -> bool {
    is_kept_kind(&resource.group, &resource.kind) || keep_mark(object).is_some()
}

/// Reads one object.
pub async fn read(cluster: &dyn Cluster, target: &Target) -> Result<Observed, ApiError> {
    match cluster.get(target).await {
        Ok(Some(object)) => Ok(Observed::Present(object)),
        Ok(None) => Ok(Observed::Absent(Absence::Object)),
        // Its CRD is missing, which says something else than that the object is.
        Err(ApiError::NotServed { .. }) => Ok(Observed::Absent(Absence::Kind)),
        Err(error) if is_unreachable(&error) => Err(error),
        Err(error) => Ok(Observed::Unreadable {
            forbidden: error.is_forbidden(),
            webhook: error.unreachable_webhook(),
            error: error.to_string(),
        }),
    }
}

fn is_unreachable(error: &ApiError) -> bool {
    // A timeout is none: it may be this one object's, behind a slow conversion webhook.
    matches!(error, ApiError::Connect { .. } | ApiError::Credentials { .. })
}
