//! CronJobs: nothing runs before their time.

use super::super::reading::Reading;
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when it is there.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    if object
        .at("/spec/suspend")
        .is_some_and(|suspended| suspended == true)
    {
        return Reading::noted("suspended: it starts no Job");
    }

    Reading::without_pods(Verdict::done())
}
