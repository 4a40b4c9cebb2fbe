//! A body as a tree: JSON in which texts are templates.
//!
//! In:   the tree of a definition; facts.
//! Out:  JSON, without what `omit` leaves out.
//! Not:  no text is ever glued into JSON: whatever a message says stays one value.

use serde_json::{Map, Value as Json};

use super::facts::Facts;
use super::template::{Condition, Template};

/// A piece of a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Always the same.
    Fixed(Json),
    /// What a template gives.
    Value(Template),
    /// A list.
    List(Vec<Tree>),
    /// An object; an entry whose value is left out is not there.
    Map(Vec<(String, Tree)>),
    /// One entry for each item of a list; `$each`, with `$key` an object, without it a list, whose entries take its place
    /// where it stands in another list.
    Each {
        /// The list.
        items: Condition,
        /// The key of an entry, where it is an object.
        key: Option<Template>,
        /// An entry's value; it knows the item as `item`.
        value: Box<Tree>,
    },
    /// Only where something holds; `$if`.
    If {
        /// What must hold.
        condition: Condition,
        /// The value then.
        then: Box<Tree>,
    },
}

impl Tree {
    /// The JSON that it gives; `None` where it is left out.
    pub(super) fn json(&self, facts: &Facts) -> Result<Option<Json>, String> {
        Ok(match self {
            Self::Fixed(json) => Some(json.clone()),
            Self::Value(template) => template.value(facts)?,
            Self::List(items) => {
                let mut list = Vec::new();
                for item in items {
                    match (item, item.json(facts)?) {
                        (Self::Each { key: None, .. }, Some(Json::Array(entries))) => list.extend(entries),
                        (_, value) => list.extend(value),
                    }
                }
                Some(Json::Array(list))
            }
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, tree) in entries {
                    let value = tree.json(facts).map_err(|error| format!("`{key}`: {error}"))?;
                    map.extend(value.map(|value| (key.clone(), value)));
                }
                Some(Json::Object(map))
            }
            Self::Each { items, key: None, value } => {
                let mut list = Vec::new();
                for item in items.items(facts)? {
                    list.extend(value.json(&facts.with("item", item))?);
                }
                Some(Json::Array(list))
            }
            Self::Each { items, key: Some(key), value } => {
                let mut map = Map::new();
                for item in items.items(facts)? {
                    let facts = facts.with("item", item);
                    if let Some(value) = value.json(&facts)? {
                        map.insert(key.text(&facts)?, value);
                    }
                }
                Some(Json::Object(map))
            }
            Self::If { condition, then } => match condition.holds(facts)? {
                true => then.json(facts)?,
                false => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(source: &str) -> Tree {
        Tree::Value(Template::new(source).expect("a template"))
    }

    fn each(items: &str, key: Option<&str>, value: Tree) -> Tree {
        let key = key.map(|key| Template::new(key).expect("a template"));
        Tree::Each { items: Condition::new(items).expect("a list"), key, value: Box::new(value) }
    }

    #[test]
    fn a_tree_gives_typed_json_whatever_the_texts_hold() {
        let facts = Facts::of_json(json!({
            "title": "\"quoted\", {braced}\n", "on": false,
            "components": [{"target": "x1", "status": "ok"}, {"status": "bad"}, {"target": "x2", "status": "bad"}],
        }));
        let mapped = "components | selectattr('target')";
        let tree = Tree::Map(vec![
            ("name".into(), value("{{ title }}")),
            ("fixed".into(), Tree::Fixed(json!(5))),
            ("gone".into(), value("{{ omit }}")),
            ("map".into(), each(mapped, Some("{{ item.target }}"), value("{{ item.status }}"))),
            ("list".into(), each(mapped, None, Tree::Map(vec![("id".into(), value("{{ item.target }}"))]))),
            (
                "spliced".into(),
                Tree::List(vec![
                    value("first"),
                    each(mapped, None, value("{{ item.target }}")),
                    value("{{ omit }}"),
                ]),
            ),
            (
                "if".into(),
                Tree::If {
                    condition: Condition::new("on").expect("it"),
                    then: Box::new(value("{{ not_looked_at }}")),
                },
            ),
        ]);
        let expected = json!({
            "name": "\"quoted\", {braced}\n", "fixed": 5, "map": {"x1": "ok", "x2": "bad"},
            "list": [{"id": "x1"}, {"id": "x2"}], "spliced": ["first", "x1", "x2"],
        });
        assert_eq!(tree.json(&facts), Ok(Some(expected)));
    }

    #[test]
    fn what_fails_is_named_by_its_keys() {
        let tree = Tree::Map(vec![("a".into(), Tree::Map(vec![("b".into(), value("{{ nope }}"))]))]);
        let error = tree.json(&Facts::of_json(json!({}))).expect_err("it fails");
        assert!(error.starts_with("`a`: `b`: `nope` gives nothing"), "{error}");
    }
}
