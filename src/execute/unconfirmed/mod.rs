//! What the cluster keeps of a release is written by whoever may write there. So whatever that alone would
//! create, change or delete outside of the release namespace, cluster-wide or among rights and quotas is not
//! done unless it is confirmed: by the release's own file, by the object itself, by a key outside of the
//! cluster, or by a person.
//!
//! The seal does not stand for it: whoever may read Secrets in the release namespace has the key. What such a
//! person could do there anyway is not asked about. Nothing is touched before all of it is confirmed; a
//! rollback of what was taken up leaves out what is not, and names it.

mod doubts;
mod guarded;
mod planned;

pub(super) use doubts::{Doubts, find_doubts};
pub use planned::{Confirmed, Unconfirmed, unconfirmed_deletions, unconfirmed_plan};

#[cfg(test)]
mod tests;
