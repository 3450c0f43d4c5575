//! Ingresses. Many controllers never write an address, so that waiting for one would be waiting for ever: it is waited
//! for as for anything outside of the release.

use super::super::reading::Reading;
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when it has an address.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    if object.at("/status/loadBalancer/ingress/0").is_some() {
        return Reading::without_pods(Verdict::done());
    }

    Reading::waits_outside("no ingress controller has given it an address")
}
