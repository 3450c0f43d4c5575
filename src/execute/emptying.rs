//! What is emptied or removed before an apply, which would leave null of it, or leave it.
//!
//! Both are writes of their own ahead of the apply, over the version that was read. A run that dies in
//! between leaves an object that `standing` knows again, so that the apply is gone on with.

use super::requests::{expect_same, write_options};
use super::retry_budget::Attempts;
use super::steps::{Again, Steps, Trying};
use crate::cluster::Applied;
use crate::model::k8s::entries::is_our_update_entry;
use crate::model::{FieldPath, Object};
use crate::objects::{emptied, vanishing};
use serde_json::{Value, json};

impl Steps {
    /// Empties the maps that an apply of `sent` would leave as null, and removes the empty lists that it would leave; none where
    /// there are none.
    pub(super) async fn empty_maps(
        &self,
        trying: &Trying<'_>,
        (sent, expected): (&Object, &Object),
        live: &Object,
        clock: &Attempts<'_>,
    ) -> Result<Option<Object>, Again> {
        let maps = emptied(sent, live);
        let mut lists = vanishing(expected, live);
        // What is inside of a map that is emptied goes with it:
        // a path that is not there would fail the whole patch.
        lists.retain(|list| !maps.iter().any(|map| list.starts_with(map)));

        if maps.is_empty() && lists.is_empty() {
            return Ok(None);
        }

        let mut operations = expect_same(live);
        // The schema may want a map: it is replaced by an empty one, and not removed.
        let empty = |path: &FieldPath| json!({"op": "replace", "path": path.to_string(), "value": {}});
        operations.extend(maps.iter().map(empty));
        operations.extend(
            lists
                .iter()
                .map(|path| json!({"op": "remove", "path": path.to_string()})),
        );

        let deadline = clock.before_write().await?;
        let target = &trying.part.step.target;
        let answer = self
            .cluster
            .json_patch(target, &operations, &write_options(deadline))
            .await;

        let answer = answer.map_err(|error| self.after_write(trying, error, clock))?;
        trying.mark_written();
        Ok(Some(answer.object))
    }

    /// Takes out what the emptying left in managedFields: defaults that came back are nobody's.
    pub(super) async fn disown_defaults(
        &self,
        trying: &Trying<'_>,
        answer: Applied,
        clock: &Attempts<'_>,
    ) -> Result<Applied, Again> {
        // A patch of ours owns by `Update` what it touched; what our applies own stands in another entry.
        let entries = answer.object.managed_fields();
        if !entries.iter().any(is_our_update_entry) {
            return Ok(answer);
        }

        let remaining: Vec<Value> = entries
            .iter()
            .filter(|entry| !is_our_update_entry(entry))
            .cloned()
            .collect();

        let deadline = clock.before_write().await?;
        let written = self
            .write_ownership(&trying.part.step.target, &answer.object, &remaining, deadline)
            .await;
        written.map_err(|error| self.after_write(trying, error, clock))
    }
}
