//! How much sinks show of what others choose: whoever may write into a namespace can make releases there, and a field manager's
//! name is a free text. Numbers and lengths are bounded, and what is left out is counted.

use crate::model::drift::{DriftSnapshot, ReleaseDrift};
use crate::model::moves::ReleaseRef;
use crate::model::phrase::shorten;
use std::collections::BTreeMap;

/// Releases that are shown one by one.
const RELEASES: usize = 2_000;
/// Those of one namespace: whoever writes there takes no other namespace's place.
const RELEASES_OF_A_NAMESPACE: usize = 200;
/// Characters of one text: a name of an object has at most 253.
const CHARACTERS: usize = 256;

/// What stands for the rest, where not all are shown. No field manager, kind or finding has this name by chance.
pub(super) const REST: &str = "_other";

/// The releases that are shown one by one, and how many are not.
pub(super) struct ShownReleases<'a> {
    pub shown: Vec<(&'a ReleaseRef, &'a ReleaseDrift)>,
    pub omitted: usize,
}

/// Chooses them by namespace and name, the same ones each time.
pub(super) fn shown_releases(snapshot: &DriftSnapshot) -> ShownReleases<'_> {
    let mut of_namespace: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown = Vec::new();

    for (release, drift) in &snapshot.releases {
        let count = of_namespace.entry(&release.namespace).or_default();
        if *count < RELEASES_OF_A_NAMESPACE && shown.len() < RELEASES {
            *count += 1;
            shown.push((release, drift));
        }
    }
    ShownReleases {
        omitted: snapshot.releases.len() - shown.len(),
        shown,
    }
}

/// As much of a text as is shown.
pub(super) fn bounded(text: &str) -> String {
    shorten(text.to_owned(), CHARACTERS)
}

#[cfg(test)]
mod tests {
    use super::super::samples::snapshot;
    use super::*;

    #[test]
    fn one_namespace_takes_no_others_place_and_what_is_omitted_is_counted() {
        let crowd = (0..300).map(|number| ("a", format!("r{number}"), Vec::new()));
        let snapshot = snapshot(crowd.chain([("b", "web".into(), Vec::new())]));

        let ShownReleases { shown, omitted } = shown_releases(&snapshot);
        assert_eq!((shown.len(), omitted), (201, 100));
        assert_eq!(shown[200].0.to_string(), "b/web");
    }

    #[test]
    fn all_namespaces_together_have_a_bound_as_well() {
        let crowd = (0..3_000).map(|number| (format!("n{}", number / 10), format!("r{number}"), Vec::new()));
        let snapshot = snapshot(crowd);
        let ShownReleases { shown, omitted } = shown_releases(&snapshot);
        assert_eq!((shown.len(), omitted), (2_000, 1_000));
    }
}
