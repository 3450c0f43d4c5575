//! The verbs of requests to an API server, as permissions name them.

use std::fmt;

/// What is done to a resource.
// Sorted by name: permissions are asked for and told in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// POST; a server-side apply of what is not there needs it as well.
    Create,
    /// DELETE of one object.
    Delete,
    /// GET of one object.
    Get,
    /// GET of many.
    List,
    /// PATCH, and with it server-side apply.
    Patch,
    /// PUT.
    Update,
    /// GET of changes.
    Watch,
}

impl Verb {
    /// As RBAC names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Watch => "watch",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Verb::{Create, Delete, Get, List, Patch, Update, Watch};

    #[test]
    fn verbs_are_in_the_order_of_their_names() {
        let mut verbs = [Watch, Update, Patch, List, Get, Delete, Create];
        verbs.sort();
        assert!(verbs.map(super::Verb::as_str).is_sorted());
    }
}
