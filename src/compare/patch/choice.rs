//! Which differences are taken: all, or those of the objects and fields that are named.

use crate::model::check::{is_field_in_item, path_in_item};
use crate::model::{FieldPath, ObjectId};

/// What is chosen of one object.
pub(super) struct Choice<'a> {
    object: &'a ObjectId,
    home: &'a str,
    /// The items that name it; none where everything is chosen.
    items: Vec<&'a str>,
}

impl<'a> Choice<'a> {
    /// Of an object; none where others are named.
    pub fn new(object: &'a ObjectId, only: &'a [String], home: &'a str) -> Option<Self> {
        let is_of = |item: &&str| path_in_item(item, object, home).is_some();
        let items: Vec<&str> = only.iter().map(String::as_str).filter(is_of).collect();
        (only.is_empty() || !items.is_empty()).then_some(Self { object, home, items })
    }

    /// Whether the object or a field of it is named.
    pub fn is_named(&self) -> bool {
        !self.items.is_empty()
    }

    /// Whether the object is named, as a whole.
    pub fn names_object(&self) -> bool {
        let mut items = self.items.iter();
        items.any(|item| path_in_item(item, self.object, self.home) == Some(""))
    }

    /// Whether the field is chosen.
    pub fn holds(&self, path: &FieldPath) -> bool {
        let is_in = |item: &&str| is_field_in_item(item, self.object, path, self.home);
        self.items.is_empty() || self.items.iter().any(is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_chosen_and_nothing_else() {
        let object = ObjectId::new("apps", "Deployment", Some("shop"), "web");
        let only = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let path = |text: &str| text.parse::<FieldPath>().unwrap();

        let (all, others) = (only(&[]), only(&["Service/shop/web"]));
        let choice = Choice::new(&object, &all, "shop").unwrap();
        assert!(choice.holds(&path("/spec/replicas")) && !choice.is_named());
        assert!(Choice::new(&object, &others, "shop").is_none());

        let field = only(&["Service/shop/web", "Deployment/web/spec/template"]);
        let choice = Choice::new(&object, &field, "shop").unwrap();
        assert!(choice.holds(&path("/spec/template/spec")) && !choice.holds(&path("/spec/templates")));
        assert!(choice.is_named() && !choice.names_object());
    }
}
