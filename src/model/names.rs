//! Every name that this tool writes into a cluster or a file, in one place.
//!
//! They lie in clusters and repositories of others: one that is changed here leaves behind what no run finds
//! any more. Some hold a release's name: a DNS label of at most 40 characters, so that all of them fit.

/// `apiVersion` of `Release` and `Environment` files.
pub const API_VERSION: &str = "kubectl-delivery.io/v1alpha1";
/// The field manager of every write.
// Ownership hangs on it: under another name every field would be somebody else's.
pub const FIELD_MANAGER: &str = "kubectl-delivery";
/// Annotation on a pod template: the hash of the configuration its pods read at start.
pub const RESTART_ANNOTATION: &str = "kubectl-delivery.io/config-hash";
/// Annotation on a pod template: when `kubectl rollout restart` restarted its pods.
pub const KUBECTL_RESTART_ANNOTATION: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotation: other objects (`Kind/name`, comma-separated) that must be done before this one is applied.
pub const AFTER_ANNOTATION: &str = "kubectl-delivery.io/after";
/// Annotation: `false` where nothing waits for the object, and its state is no failure.
pub const WAIT_ANNOTATION: &str = "kubectl-delivery.io/wait";
/// Annotation on a workload: `true` where a second pod of it may run in a rehearsal.
pub const REHEARSE_ANNOTATION: &str = "kubectl-delivery.io/rehearse";
/// Annotation on a pod of a rehearsal: the id of the rehearsal.
pub const REHEARSAL_ANNOTATION: &str = "kubectl-delivery.io/rehearsal";
/// Annotation on a Job or Pod: `pre` or `verify`.
pub const HOOK_ANNOTATION: &str = "kubectl-delivery.io/hook";
/// Helm's annotation on a hook: when it runs, words separated by commas.
pub const HELM_HOOK_ANNOTATION: &str = "helm.sh/hook";
/// Helm's annotation on a hook: its place among others, lower ones first.
pub const HELM_WEIGHT_ANNOTATION: &str = "helm.sh/hook-weight";
/// Helm's annotation on a hook: when it is deleted, words separated by commas.
pub const HELM_POLICY_ANNOTATION: &str = "helm.sh/hook-delete-policy";
/// Helm's annotation on what it installed: the name of its release.
pub const HELM_RELEASE_ANNOTATION: &str = "meta.helm.sh/release-name";
/// Helm's annotation on what it installed: the namespace of its release.
pub const HELM_NAMESPACE_ANNOTATION: &str = "meta.helm.sh/release-namespace";
/// The type of the Secrets in which Helm stores the revisions of a release.
pub const HELM_SECRET_TYPE: &str = "helm.sh/release.v1";
/// Label that names the tool which manages an object; Helm writes `Helm`.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Annotation on a Job: `true` when its effect cannot be undone.
pub const IRREVERSIBLE_ANNOTATION: &str = "kubectl-delivery.io/irreversible";
/// Annotation on a Job: the name of the Job of the release that undoes it.
pub const UNDO_ANNOTATION: &str = "kubectl-delivery.io/undo";
/// Annotation on a Job that undoes another one: the id of the promotion that it was made for.
pub const PROMOTION_ANNOTATION: &str = "kubectl-delivery.io/promotion";
/// The type of the Secrets that hold pre-images.
pub const PREIMAGE_SECRET_TYPE: &str = "kubectl-delivery.io/preimage";
/// The type of the Secret that holds the key to what a release keeps.
pub const KEY_SECRET_TYPE: &str = "kubectl-delivery.io/key";
/// The type of the Secret that says which head and inventory were written last.
pub const SEAL_SECRET_TYPE: &str = "kubectl-delivery.io/seal";
/// Label on everything that a release keeps in the cluster: the release's name.
pub const RELEASE_LABEL: &str = "kubectl-delivery.io/release";
/// Label beside [`RELEASE_LABEL`]: what the object is (`inventory`, `journal`, `lock`, `key`, `seal`, `preimage`, or `record`: a promoted
/// release, and the journal of the last finished promotion).
pub const ROLE_LABEL: &str = "kubectl-delivery.io/role";

/// ApplySet (KEP-3659): label on the parent, its id.
pub const APPLYSET_ID_LABEL: &str = "applyset.kubernetes.io/id";
/// ApplySet: label on each member, the parent's id.
pub const APPLYSET_PART_OF_LABEL: &str = "applyset.kubernetes.io/part-of";
/// ApplySet: annotation on the parent, the tool that owns it.
pub const APPLYSET_TOOLING_ANNOTATION: &str = "applyset.kubernetes.io/tooling";
/// ApplySet: annotation on the parent, `Kind.group` of the members.
pub const APPLYSET_GROUP_KINDS_ANNOTATION: &str = "applyset.kubernetes.io/contains-group-kinds";
/// ApplySet: annotation on the parent, further namespaces with members.
pub const APPLYSET_NAMESPACES_ANNOTATION: &str = "applyset.kubernetes.io/additional-namespaces";

/// The labels of an inventory that this tool writes; others are the users' own.
pub const INVENTORY_LABELS: [&str; 3] = [RELEASE_LABEL, ROLE_LABEL, APPLYSET_ID_LABEL];

/// Whether a ConfigMap of this name may be a part of what a release keeps: all of their names begin alike.
pub fn may_be_stored_state(name: &str) -> bool {
    name.starts_with("delivery-")
}

/// A page of the documentation, by its URL: a user's machine holds no checkout.
pub fn docs_url(page: &str) -> String {
    format!("{}/blob/main/docs/{page}", env!("CARGO_PKG_REPOSITORY"))
}

/// Name of the inventory ConfigMap (the ApplySet parent) and of the Lease of the release `name`.
pub fn inventory(name: &str) -> String {
    format!("delivery-{name}")
}

/// Name of the ConfigMap that is the journal's head.
pub fn journal(name: &str) -> String {
    format!("delivery-{name}-journal")
}

/// Name of the Secret that holds the key.
pub fn state_key(name: &str) -> String {
    format!("delivery-{name}-key")
}

/// Name of the Secret that holds the next key, while it takes the place of the one before.
pub fn next_state_key(name: &str) -> String {
    format!("delivery-{name}-key-next")
}

/// Name of the Secret that says what was written last.
pub fn seal(name: &str) -> String {
    format!("delivery-{name}-seal")
}

/// Name of a part of what is kept of a promoted release.
pub fn record_part(name: &str, revision: u32, hash: &str, part: usize) -> String {
    // By its own digest: a part that is there under this name is the same part.
    format!("delivery-{name}-r{revision}-{hash}-{part}")
}

/// Name of a part of a journal.
pub fn journal_part(name: &str, hash: &str, part: usize) -> String {
    format!("delivery-{name}-before-{hash}-{part}")
}

/// Name of a part of the journal of the last finished promotion.
pub fn previous_part(name: &str, hash: &str, part: usize) -> String {
    format!("delivery-{name}-last-{hash}-{part}")
}

/// The ApplySet id of the ConfigMap `parent` in `namespace`: unpadded base64url of the sha256 of
/// `NAME.NAMESPACE.KIND.GROUP`, as KEP-3659 defines it.
pub fn applyset_id(parent: &str, namespace: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    // The core group has no name: nothing follows the last dot.
    let hash = sha2::Sha256::digest(format!("{parent}.{namespace}.ConfigMap."));

    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
    format!("applyset-{encoded}-v1")
}

/// Name of a pod of a rehearsal of the workload `name`.
pub fn rehearsal(name: &str, digits: &str) -> String {
    // With the suffix it stays within the 63 characters of a label, and of a host name.
    let start: String = name.chars().take(40).collect();
    format!("{}-rehearsal-{digits}", start.trim_end_matches(['-', '.']))
}

/// A name that nobody uses, for what is created dry: within the length of a label.
pub fn dry_run(name: &str) -> String {
    // With the suffix it stays within the 63 characters of a label.
    let start: String = name.chars().take(40).collect();
    format!("{}-delivery-dry-run", start.trim_end_matches(['-', '.']))
}
