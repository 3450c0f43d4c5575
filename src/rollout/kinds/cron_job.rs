//! CronJobs: nothing runs before their time.

use super::super::status::KindStatus;
use crate::model::Object;
use crate::model::verdict::Health;

/// Done when it is there.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    if object
        .at("/spec/suspend")
        .is_some_and(|suspended| suspended == true)
    {
        return KindStatus::noted("suspended: starts no Job");
    }

    KindStatus::without_pods(Health::ready())
}
