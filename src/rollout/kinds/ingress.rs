//! Ingresses. Many controllers never write an address, so that waiting for one would be waiting for ever.

use super::super::reading::Reading;
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done; a missing address is said.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    if object.at("/status/loadBalancer/ingress/0").is_some() {
        return Reading::without_pods(Verdict::done());
    }
    Reading::noted("no ingress controller has given it an address")
}
