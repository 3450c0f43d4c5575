//! Statements about a release, as in-toto writes them. They lie beside a release, never inside it.
//!
//! A statement belongs to a release by the digest of its bytes alone; names and versions in it are for
//! people. Whether it can be believed is asked of its signature, in `signing`.

use super::digest::Sha256Digest;
use super::release::ReleaseIdentity;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `_type` of a statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What `cosign attest-blob` writes: the same fields.
pub const OLD_STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v0.1";
/// The predicate of a signature: name and version of what was signed.
pub const SIGNATURE_PREDICATE: &str = "https://kubectl-delivery.io/signature/v1alpha1";
/// The predicate of evidence: what a test found.
pub const TEST_PREDICATE: &str = "https://kubectl-delivery.io/test/v1alpha1";

/// An in-toto statement (v1).
// Unknown fields are passed over: other tools write statements, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub type_: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// What kind of statement it is.
    pub predicate_type: String,
    /// What it says.
    // A statement of another type may have none.
    #[serde(default)]
    pub predicate: Value,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name, for people.
    // Others may leave it out: nothing is decided by it.
    #[serde(default)]
    pub name: String,
    /// Digests by algorithm.
    pub digest: SubjectDigest,
}

/// Digests by algorithm; only sha256 counts here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectDigest {
    /// 64 hex digits.
    // Without one the statement is about no release.
    #[serde(default)]
    pub sha256: String,
}

/// What a test found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// What an environment's `require.evidence` names.
    pub name: String,
    /// The files that show it.
    pub files: Vec<EvidenceFile>,
    /// Sums over the JUnit reports among them; none where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<TestTotals>,
    /// URL of the CI run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Why failures were accepted when this was written.
    // Signed with the rest: a failure that was accepted stays visible, with its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
    /// What the test cluster's pods reported that they ran; empty where none was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ran: Vec<RanContainer>,
}

/// What a container of a workload ran in the test cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanContainer {
    /// `Deployment web`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The reference as recorded.
    pub image: String,
    /// What the nodes reported: an index's, a manifest's or a configuration's digest.
    pub digests: Vec<Sha256Digest>,
    /// Of how many pods.
    pub pods: u32,
}

/// A file that shows what a test found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceFile {
    /// Its name, without folders.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Sha256Digest,
}

/// What a JUnit report counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestTotals {
    /// All tests.
    pub tests: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that could not run.
    pub errors: u64,
    /// Those that were left out.
    pub skipped: u64,
}

impl TestResult {
    /// One that shows nothing yet.
    pub fn named(name: &str, run: Option<String>) -> Self {
        Self {
            name: name.into(),
            files: Vec::new(),
            totals: None,
            run,
            waived: None,
            ran: Vec::new(),
        }
    }
}

impl TestTotals {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.failures == 0 && self.errors == 0
    }

    /// Those that ran.
    pub fn ran(&self) -> u64 {
        // A report of another tool may count more skipped tests than tests.
        self.tests.saturating_sub(self.skipped)
    }
}

impl std::ops::AddAssign for TestTotals {
    fn add_assign(&mut self, other: Self) {
        // The numbers come from files that anybody may have written.
        self.tests = self.tests.saturating_add(other.tests);
        self.failures = self.failures.saturating_add(other.failures);
        self.errors = self.errors.saturating_add(other.errors);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

impl Statement {
    fn about(release: &ReleaseIdentity, predicate_type: &str, predicate: Value) -> Self {
        let digest = SubjectDigest {
            sha256: release.digest.hex().to_owned(),
        };

        let name = format!("{}-{}", release.name, release.version);
        Self {
            type_: STATEMENT_TYPE.into(),
            subject: vec![Subject { name, digest }],
            predicate_type: predicate_type.into(),
            predicate,
        }
    }

    /// That a release is what the signer says it is.
    pub fn signature(release: &ReleaseIdentity) -> Self {
        let predicate = json!({"name": release.name, "version": release.version});

        Self::about(release, SIGNATURE_PREDICATE, predicate)
    }

    /// What a test of a release found.
    pub fn test(release: &ReleaseIdentity, result: &TestResult) -> Self {
        Self::about(
            release,
            TEST_PREDICATE,
            // Made of texts and numbers alone: it can always be written.
            serde_json::to_value(result).unwrap_or_default(),
        )
    }

    /// Whether it is about these bytes.
    pub fn is_about(&self, digest: &Sha256Digest) -> bool {
        // A statement may speak of several files: one of them is enough.
        self.subject
            .iter()
            .any(|subject| subject.digest.sha256 == digest.hex())
    }

    /// Whether it is a signature.
    pub fn is_signature(&self) -> bool {
        self.predicate_type == SIGNATURE_PREDICATE
    }

    /// What a test found, where it is about one.
    pub fn test_result(&self) -> Option<TestResult> {
        if self.predicate_type != TEST_PREDICATE {
            return None;
        }

        // What this version cannot read shows nothing to it.
        serde_json::from_value(self.predicate.clone()).ok()
    }
}
