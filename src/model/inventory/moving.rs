//! How an inventory follows the moves of its members to other releases.
//!
//! The inventory that loses members is told that they are about to move, then that they have moved, or that
//! they are back. Each may be told again by a run that takes up another one's work, and changes nothing then.
//! Until a move is done its objects are members of both releases; objects are told apart by identity,
//! whatever version they are named in.

use super::Inventory;
use crate::model::moves::{Move, Moved};
use crate::model::{ObjectId, Target};
use std::collections::BTreeSet;

impl Inventory {
    /// Says that another release is about to take members.
    pub fn announce(&mut self, moved: Moved) {
        // A run that is resumed announces again.
        self.moved.retain(|one| one.promotion != moved.promotion);
        self.moved.push(moved);
    }

    /// Gives members up for good.
    pub fn hand_over(&mut self, moved: Moved) {
        let gone = ids(&moved.objects);
        self.members.retain(|member| !gone.contains(&member.id()));
        self.announce(Moved {
            is_done: true,
            ..moved
        });
    }

    /// Takes members back that a promotion had taken, but for those that stay with it. `was_promoted`: it had been
    /// committed, so that they are no members now.
    pub fn take_back(&mut self, promotion: &str, of: &Move, stay: &BTreeSet<ObjectId>, was_promoted: bool) {
        // Those that stay were not undone: they remain the other release's.
        let (stay, taken): (BTreeSet<ObjectId>, _) =
            ids(&of.objects).into_iter().partition(|id| stay.contains(id));

        // Asked before the entry changes: it tells what is no member now.
        let gone = self.given_up(promotion, of, was_promoted);

        for moved in self.moved.iter_mut().filter(|moved| moved.promotion == promotion) {
            moved.objects.retain(|target| !taken.contains(&target.id()));
            moved.is_done = true;
        }

        self.moved.retain(|moved| !moved.objects.is_empty());
        // What was only announced is a member still: what stays over there leaves this inventory now.
        self.members.retain(|member| !stay.contains(&member.id()));

        let returned: BTreeSet<ObjectId> = gone.intersection(&taken).cloned().collect();
        let known = ids(&self.members);
        // Without members of a later revision the old list comes back, in its old order.
        if !returned.is_empty() && known.is_subset(&ids(&of.members_before)) {
            let is_member = |id: &ObjectId| known.contains(id) || returned.contains(id);
            let before = of.members_before.iter();
            self.members = before.filter(|member| is_member(&member.id())).cloned().collect();
            return;
        }

        // A later revision has members of its own: what comes back stands behind them, and never twice.
        let is_missing = |id: &ObjectId| returned.contains(id) && !known.contains(id);
        self.members.extend(
            of.objects
                .iter()
                .filter(|target| is_missing(&target.id()))
                .cloned(),
        );
    }

    /// What a promotion has taken that is no member now. Before its commit that is nothing, unless an earlier rollback left
    /// some of it there.
    fn given_up(&self, promotion: &str, of: &Move, was_promoted: bool) -> BTreeSet<ObjectId> {
        match self.moved.iter().find(|moved| moved.promotion == promotion) {
            // What its entry does not name any more has come back already.
            Some(moved) if moved.is_done => ids(&moved.objects),
            // A committed promotion has handed them over; its entry may have gone with the history since.
            None if was_promoted => ids(&of.objects),
            // Only announced, or not even that: nobody has given anything up.
            _ => BTreeSet::new(),
        }
    }

    /// The release that has taken an object, where one has.
    pub fn moved_to(&self, id: &ObjectId) -> Option<&Moved> {
        // The latest first: what came back may have moved again. What is only announced may still come back.
        let done = self.moved.iter().rev().filter(|moved| moved.is_done);
        done.into_iter()
            .find(|moved| moved.objects.iter().any(|target| target.id() == *id))
    }

    /// What has moved since the current revision was promoted, or is about to.
    pub fn moved_lately(&self) -> impl Iterator<Item = &Moved> {
        let since = self.promoted().map(|entry| entry.started_at);
        // Until this release is promoted again, a move is news; before any promotion each is.
        self.moved
            .iter()
            .filter(move |moved| since.is_none_or(|since| moved.at >= since))
    }

    /// Drops what is said of objects that are members again, and of moves that the history no longer reaches back to.
    pub fn trim_moved(&mut self) {
        let members = ids(&self.members);
        let oldest = self.history.first().map(|entry| entry.started_at);

        // An open one stands for members of both releases: it is not the inventory's to cut.
        for moved in self.moved.iter_mut().filter(|moved| moved.is_done) {
            moved.objects.retain(|target| !members.contains(&target.id()));
        }

        // An open move stays whatever its age: it is why this release has to wait.
        let is_known = |moved: &Moved| !moved.is_done || oldest.is_none_or(|oldest| moved.at >= oldest);
        self.moved
            .retain(|moved| !moved.objects.is_empty() && is_known(moved));
    }
}

fn ids(targets: &[Target]) -> BTreeSet<ObjectId> {
    // Identities, without versions: a member may be listed in another one.
    targets.iter().map(Target::id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::moves::ReleaseRef;
    use jiff::Timestamp;

    fn target(name: &str) -> Target {
        Target::new(&built_in("", "ConfigMap").unwrap(), Some("shop"), name)
    }

    fn targets(names: &str) -> Vec<Target> {
        names.split_whitespace().map(target).collect()
    }

    fn moved(names: &str) -> Moved {
        Moved {
            to: ReleaseRef::new("shop", "web"),
            version: "1".into(),
            promotion: "p1".into(),
            actor: "jane".into(),
            at: Timestamp::UNIX_EPOCH,
            is_done: false,
            objects: targets(names),
        }
    }

    fn inventory(members: &str) -> Inventory {
        Inventory {
            members: targets(members),
            ..Inventory::default()
        }
    }

    fn moved_objects(before: &str, objects: &str) -> Move {
        Move {
            from: ReleaseRef::new("shop", "shop"),
            objects: targets(objects),
            members_before: targets(before),
        }
    }

    #[test]
    fn what_is_taken_back_before_the_commit_or_after_it_leaves_the_inventory_as_it_was() {
        // The old order has to come back as well.
        let before = inventory("a b c d");
        let mut now = before.clone();
        // A resumed run says it twice.
        now.announce(moved("b d"));
        now.announce(moved("b d"));
        assert_eq!((now.members.len(), now.moved.len()), (4, 1));

        // Before the commit, when they were only announced.
        let mut rolled_back = now.clone();
        rolled_back.take_back("p1", &moved_objects("a b c d", "b d"), &BTreeSet::new(), false);
        assert_eq!(rolled_back, before);

        // After the commit, when they are no members.
        now.hand_over(moved("b d"));
        assert_eq!(now.members, targets("a c"));
        assert_eq!(
            now.moved_to(&target("b").id()).map(|moved| &*moved.to.name),
            Some("web")
        );
        assert!(now.moved_to(&target("a").id()).is_none());

        now.take_back("p1", &moved_objects("a b c d", "b d"), &BTreeSet::new(), true);
        assert_eq!(now, before);
        // By a run that did not learn that its write had arrived.
        now.take_back("p1", &moved_objects("a b c d", "b d"), &BTreeSet::new(), true);
        assert_eq!(now, before, "a second time");
    }

    #[test]
    fn what_stays_with_the_other_release_is_no_member_and_is_said_to_have_moved() {
        for was_promoted in [true, false] {
            let mut now = inventory("a b c");

            now.announce(moved("b c"));
            if was_promoted {
                now.hand_over(moved("b c"));
            }

            let stay = BTreeSet::from([target("c").id()]);
            now.take_back("p1", &moved_objects("a b c", "b c"), &stay, was_promoted);
            assert_eq!(now.members, targets("a b"), "{was_promoted}");
            assert!(now.moved_to(&target("b").id()).is_none() && now.moved_to(&target("c").id()).is_some());

            // A second revert finds that nothing is left over there.
            now.take_back(
                "p1",
                &moved_objects("a b c", "b c"),
                &BTreeSet::new(),
                was_promoted,
            );
            assert_eq!(now, inventory("a b c"), "{was_promoted}: once nothing stays");
        }
    }

    #[test]
    fn members_that_a_later_revision_brought_or_dropped_stay_so_when_others_come_back() {
        let mut now = inventory("a b c");
        now.hand_over(moved("b"));
        // The later revision dropped c and brought e.
        now.members = targets("a e");

        now.take_back("p1", &moved_objects("a b c", "b"), &BTreeSet::new(), true);
        assert_eq!(now.members, targets("a e b"));
    }

    #[test]
    fn a_rollback_takes_nothing_in_that_the_release_had_dropped_meanwhile() {
        let mut now = inventory("a");
        // It was neither announced nor a member any more.
        now.take_back("p1", &moved_objects("a b", "b"), &BTreeSet::new(), false);
        assert_eq!(now.members, targets("a"));
    }

    #[test]
    fn a_move_is_forgotten_once_its_objects_are_members_again() {
        let mut now = inventory("a b");
        now.hand_over(moved("b"));
        now.members = targets("a b");

        now.trim_moved();
        assert!(now.moved.is_empty());
    }
}
