//! The checks of the preflight: a closed set, with what a waiver of each has to name.
//!
//! Names are what people type, what JSON says and what a history keeps: none is changed. Order, name and
//! waiver of each are held against the documents by the tests below.

use super::identity::ObjectId;
use super::path::FieldPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One check of the preflight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
// As `--waive` and the documents write it.
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Admission denies an object.
    Admission,
    /// An object is not what was compared.
    Conflict,
    /// Data would be deleted.
    DataLoss,
    /// An object or its namespace is being deleted.
    Deleting,
    /// The server rejects an object, or could not be asked.
    DryRun,
    /// A test result that the environment requires.
    Evidence,
    /// A hook that can never finish or run.
    Hooks,
    /// Images in their registries.
    Images,
    /// Fields that cannot change.
    Immutable,
    /// Objects that another tool or release manages.
    ManagedBy,
    /// The order of the objects.
    Order,
    /// Fields that another client set.
    Ownership,
    /// Permissions.
    Permissions,
    /// Pods of a workload.
    Pods,
    /// What is pruned, and how much of it.
    Prune,
    /// A release that failed here.
    Quarantine,
    /// Quotas.
    Quota,
    /// Pods that are tried before the promotion.
    Rehearsal,
    /// What the release needs and does not hold.
    Requirements,
    /// What a rollback would bring back.
    Rollback,
    /// The environment's rules.
    Rules,
    /// A signature that the environment requires.
    Signature,
    /// Steps that cannot be undone.
    Undo,
    /// What could not be read.
    Unreadable,
    /// Differences that were not tested.
    Untested,
    /// Warnings of the server.
    Warnings,
}

/// What a waiver of a check names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaiverScope {
    /// The check refuses nothing, or another flag answers it.
    Never,
    /// There is one finding at most: the check alone.
    Bare,
    /// One finding: what it is about, in this form.
    Item(&'static str),
}

const OBJECT: &str = "Kind/[NAMESPACE/]NAME";
const FIELD: &str = "Kind/[NAMESPACE/]NAME[/PATH]";

impl Check {
    /// All of them, in the order of their names.
    // The parser of waivers knows no others: a check that is missing here cannot be waived.
    pub const ALL: [Self; 26] = [
        Self::Admission,
        Self::Conflict,
        Self::DataLoss,
        Self::Deleting,
        Self::DryRun,
        Self::Evidence,
        Self::Hooks,
        Self::Images,
        Self::Immutable,
        Self::ManagedBy,
        Self::Order,
        Self::Ownership,
        Self::Permissions,
        Self::Pods,
        Self::Prune,
        Self::Quarantine,
        Self::Quota,
        Self::Rehearsal,
        Self::Requirements,
        Self::Rollback,
        Self::Rules,
        Self::Signature,
        Self::Undo,
        Self::Unreadable,
        Self::Untested,
        Self::Warnings,
    ];

    /// Its name, as `--waive` takes it.
    pub fn name(self) -> &'static str {
        // As serde writes it, too: a test holds the two against each other.
        match self {
            Self::Admission => "admission",
            Self::Conflict => "conflict",
            Self::DataLoss => "data-loss",
            Self::Deleting => "deleting",
            Self::DryRun => "dry-run",
            Self::Evidence => "evidence",
            Self::Hooks => "hooks",
            Self::Images => "images",
            Self::Immutable => "immutable",
            Self::ManagedBy => "managed-by",
            Self::Order => "order",
            Self::Ownership => "ownership",
            Self::Permissions => "permissions",
            Self::Pods => "pods",
            Self::Prune => "prune",
            Self::Quarantine => "quarantine",
            Self::Quota => "quota",
            Self::Rehearsal => "rehearsal",
            Self::Requirements => "requirements",
            Self::Rollback => "rollback",
            Self::Rules => "rules",
            Self::Signature => "signature",
            Self::Undo => "undo",
            Self::Unreadable => "unreadable",
            Self::Untested => "untested",
            Self::Warnings => "warnings",
        }
    }

    /// What a waiver of it names.
    pub fn waiver_scope(self) -> WaiverScope {
        match self {
            // One finding at most, so that its name says all.
            Self::Quarantine | Self::Signature => WaiverScope::Bare,
            Self::Evidence => WaiverScope::Item("NAME"),
            Self::Images => WaiverScope::Item("IMAGE"),
            Self::Permissions => WaiverScope::Item("RESOURCE[.GROUP][/NAMESPACE]"),
            Self::Untested | Self::Quota | Self::Immutable | Self::DryRun => WaiverScope::Item(FIELD),
            Self::Admission
            | Self::Pods
            | Self::Rehearsal
            | Self::Requirements
            | Self::Rollback
            | Self::Unreadable => WaiverScope::Item(OBJECT),
            // These refuse nothing, have a flag of their own, or end only when cluster or release change.
            Self::Conflict
            | Self::DataLoss
            | Self::Deleting
            | Self::Hooks
            | Self::ManagedBy
            | Self::Order
            | Self::Ownership
            | Self::Prune
            | Self::Rules
            | Self::Undo
            | Self::Warnings => WaiverScope::Never,
        }
    }

    /// The check and the item that the value of `--waive` names.
    pub fn parse_waiver(text: &str) -> Result<(Self, Option<String>), String> {
        let (name, item) = text
            .split_once('=')
            .map_or((text, None), |(name, item)| (name, Some(item)));

        // Whoever mistypes one is told of those that can be waived, and of no others.
        let known = Self::ALL
            .into_iter()
            .filter(|check| check.waiver_scope() != WaiverScope::Never);

        let Some(check) = known.clone().find(|check| check.name() == name) else {
            let names: Vec<_> = known.map(Self::waiver_form).collect();
            return Err(format!("expected one of {}", names.join(", ")));
        };

        // An item is not optional: a bare waiver would give up what nobody has seen.
        match (check.waiver_scope(), item) {
            (WaiverScope::Bare, None) => Ok((check, None)),
            (WaiverScope::Item(_), Some(item)) if !item.is_empty() => Ok((check, Some(item.to_owned()))),
            _ => Err(format!("expected {}", check.waiver_form())),
        }
    }

    /// The value of `--waive` that names one finding of it.
    fn waiver_form(self) -> String {
        match self.waiver_scope() {
            WaiverScope::Item(form) => format!("{self}={form}"),
            WaiverScope::Bare | WaiverScope::Never => self.name().to_owned(),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Padded, where a table asks for it.
        f.pad(self.name())
    }
}

/// An object as `--waive CHECK=ITEM` names it.
pub fn waiver_item(id: &ObjectId) -> String {
    let namespace = id
        .namespace
        .as_ref()
        .map(|namespace| format!("{namespace}/"))
        .unwrap_or_default();

    format!("{}/{namespace}{}", id.kind, id.name)
}

/// What an item names of an object: nothing where it names another one, else the path, which is empty for the whole
/// object. The release namespace need not be named.
pub fn path_in_item<'a>(item: &'a str, id: &ObjectId, home: &str) -> Option<&'a str> {
    // A cluster-scoped object has one name: it is the short one.
    let is_home = id.namespace.as_deref().is_none_or(|namespace| namespace == home);
    let short = is_home.then(|| format!("{}/{}", id.kind, id.name));

    [Some(waiver_item(id)), short]
        .into_iter()
        .flatten()
        .find_map(|name| {
            let path = item.strip_prefix(&name)?;
            // A whole name: `web` does not stand for `webs`.
            (path.is_empty() || path.starts_with('/')).then_some(path)
        })
}

/// Whether an item names an object, or a field of it that is this one or holds it.
pub fn is_field_in_item(item: &str, id: &ObjectId, field: &FieldPath, home: &str) -> bool {
    let field = field.to_string();
    let below = path_in_item(item, id, home).and_then(|path| field.strip_prefix(path));
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::collections::BTreeSet;

    #[test]
    fn the_documents_name_each_check_and_the_form_of_its_waiver() {
        // Read as text, so that a new check fails here until it is documented.
        let text = include_str!("../../docs/exit-codes.md");
        let table = text
            .split("| check | refuses where | `--waive` |")
            .nth(1)
            .unwrap();

        let rows = table
            .lines()
            .skip(1)
            .skip_while(|line| line.starts_with("|--"))
            .take_while(|line| line.starts_with('|'));
        let rows: BTreeSet<(String, String)> = rows
            .map(|row| {
                let cells: Vec<&str> = row.split(" | ").collect();
                let name = cells[0].trim_matches(['|', ' ', '`']).to_owned();
                (
                    name,
                    cells[cells.len() - 1].trim_matches(['|', ' ', '`']).to_owned(),
                )
            })
            .collect();

        let known = Check::ALL.into_iter().map(|check| {
            let form = match check.waiver_scope() {
                WaiverScope::Never => "–".to_owned(),
                _ => check.waiver_form(),
            };
            (check.name().to_owned(), form)
        });
        assert_eq!(rows, known.collect());
    }

    #[test]
    fn a_check_is_written_as_it_is_named() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
        }
        assert!(Check::ALL.is_sorted_by_key(|check| check.name()));
    }

    #[rstest]
    #[case("quarantine", Some((Check::Quarantine, None)))]
    #[case("quarantine=x", None)]
    // A bare check where items have to be named.
    #[case("images", None)]
    #[case("images=", None)]
    #[case("images=r.example/web:1", Some((Check::Images, Some("r.example/web:1"))))]
    #[case("evidence", None)]
    #[case("evidence=integration", Some((Check::Evidence, Some("integration"))))]
    #[case("ownership=Deployment/web", None)]
    #[case("nonsense", None)]
    fn a_waiver_names_one_finding(#[case] text: &str, #[case] parsed: Option<(Check, Option<&str>)>) {
        let found = Check::parse_waiver(text).ok();
        assert_eq!(
            found,
            parsed.map(|(check, item)| (check, item.map(String::from))),
            "{text}"
        );
    }

    #[rstest]
    #[case("Deployment/shop/web", Some(""))]
    #[case("Deployment/web", Some(""))]
    #[case("Deployment/web/spec/replicas", Some("/spec/replicas"))]
    #[case("Deployment/shop/web/spec/replicas", Some("/spec/replicas"))]
    #[case("Deployment/shop/webs", None)]
    #[case("Deployment/other/web", None)]
    #[case("StatefulSet/web", None)]
    fn an_item_names_an_object_with_or_without_the_release_namespace(
        #[case] item: &str,
        #[case] path: Option<&str>,
    ) {
        let id = ObjectId::new("apps", "Deployment", Some("shop"), "web");
        assert_eq!(path_in_item(item, &id, "shop"), path);

        // From another release namespace the short form would be another object's.
        let elsewhere = path_in_item(item, &id, "home");
        assert_eq!(elsewhere, path.filter(|_| item.starts_with("Deployment/shop/")));
    }
}
