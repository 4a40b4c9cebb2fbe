//! Rules in objects of Kubernetes: `kind: PrometheusRule`, alone, one behind the other, or in a list.
//!
//! In:   the tree of a document.
//! Out:  what stands under `spec` of each object.
//! Not:  nothing else of an object is looked at: who may see it is for the cluster.

use crate::model::suggest;
use crate::model::yaml::{Content, Node};

use super::reader::Reader;

const RULE: &str = "PrometheusRule";
const LISTS: [&str; 2] = ["List", "PrometheusRuleList"];

/// Whether a document is an object of Kubernetes.
pub(super) fn is_object(root: &Node) -> bool {
    root.get("kind").is_some() && root.get("apiVersion").is_some()
}

/// The `spec` of each object in a document.
pub(super) fn specs(reader: &mut Reader<'_>, root: Node) -> Vec<Node> {
    let kind = root.get("kind").and_then(Node::text).unwrap_or_default();
    if LISTS.contains(&kind) {
        root.get("items").map(|items| reader.list(items, "`items`"));
        let items = root.into_value("items").map(Node::into_items).unwrap_or_default();
        return items.into_iter().filter_map(|item| spec(reader, item)).collect();
    }
    spec(reader, root).into_iter().collect()
}

fn spec(reader: &mut Reader<'_>, object: Node) -> Option<Node> {
    match object.get("kind").and_then(Node::text) {
        Some(RULE) => object.into_value("spec").filter(|spec| !matches!(spec.content, Content::Null)),
        Some(kind) => {
            let at = object.get("kind").map_or(object.at, |kind| kind.at);
            let what = format!("an object of kind `{kind}` holds no rules");
            match suggest::closest(kind, [RULE]) {
                Some(meant) => reader.error_with_hint(at, what, format!("did you mean `{meant}`?")),
                None => reader.warning(at, what),
            }
            None
        }
        None => {
            reader.error(object.at, "an object has no `kind`");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{Context, load};

    fn check(text: &str, groups: &[&str], problems: &[&str]) {
        let (read, found) = load(&"r.yml".into(), text, &Context::default());
        assert_eq!(
            read.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
            groups,
            "{text}: {found}"
        );
        assert_eq!(found.iter().len(), problems.len(), "{text}: {found}");
        for (found, expected) in found.iter().zip(problems) {
            assert!(found.to_string().contains(expected), "{text}: {found}");
        }
    }

    const HEAD: &str = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\n";

    #[test]
    fn objects_are_read_as_files() {
        let object = |group: &str| {
            format!("{HEAD}spec: {{groups: [{{name: {group}, rules: [{{record: r, expr: x}}]}}]}}\n")
        };
        check(&object("a"), &["a"], &[]);
        check(&format!("{}---\n{}---\n{}", object("a"), object("b"), object("a")), &["a", "b", "a"], &[]);
        check(HEAD, &[], &[]);
        check(
            &format!("{HEAD}spec: {{groups: [{{name: a, partial_response_strategy: warn, rules: []}}]}}"),
            &["a"],
            &[],
        );
        check("apiVersion: v1\nkind: ConfigMap\ndata: {}\n", &[], &["kind `ConfigMap` holds no rules"]);
        check(
            &object("a").replace("PrometheusRule", "PrometheusRules"),
            &[],
            &["`PrometheusRules` holds no rules"],
        );
        let list = "apiVersion: v1\nkind: List\nitems: [{apiVersion: m/v1, kind: PrometheusRule, spec: {groups: [{name: a, rules: []}]}}, {}]";
        check(list, &["a"], &["an object has no `kind`"]);
    }

    #[test]
    fn places_are_those_of_the_whole_file() {
        let text = format!("{HEAD}spec: {{}}\n---\n# ü\n{HEAD}spec:\n  gruops: []\n");
        check(&text, &[], &["r.yml:11:3"]);
    }
}
