//! Lays defaults, the file, the environment and flags over each other.
//!
//! In:   the tree of the file; variables and flags by name.
//! Out:  the same tree, in which every setting below has the value of the highest layer and that layer's name.
//! Not:  nothing is typed here, so that a wrong value in the environment is found, and named, where the same value in
//!       the file would be.
//!
//! Only single values at fixed places can be set from outside: lists such as `sinks` have no name for their entries.
//! `server.listen` is `FOGSIGNAL__SERVER__LISTEN` in the environment and `--server.listen` as a flag. `config` merges
//! the layers; it keeps the origin of each value, which is how a problem can name the variable that it stands in.

use config::{ConfigError, Map, Source, Value, ValueKind};

use crate::config::tree::{Content, Node, Scalar, Where};
use crate::model::{Problem, Problems, suggest};

/// What begins the name of every variable.
const PREFIX: &str = "FOGSIGNAL__";

/// A value that can be set from outside the file, with its default where `check` does not derive it.
pub const SETTINGS: [(&str, Option<&str>); 30] = [
    ("server.listen", Some("127.0.0.1:9096")),
    ("data_dir", Some("data")),
    ("global.scrape_interval", Some("1m")),
    ("global.scrape_timeout", None),
    ("global.evaluation_interval", Some("1m")),
    ("global.rule_query_offset", Some("0s")),
    ("global.body_size_limit", Some("100MB")),
    ("incidents.timezone", None),
    ("incidents.language", None),
    ("incidents.open_at", None),
    ("incidents.page_at", None),
    ("incidents.correlate", None),
    ("incidents.correlate_within", None),
    ("incidents.reopen_within", None),
    ("incidents.watch", None),
    ("incidents.watch_cap", None),
    ("incidents.lead", None),
    ("incidents.min_gap", None),
    ("incidents.expires_after", None),
    ("incidents.ack_timeout", None),
    ("incidents.suspect_window", None),
    ("incidents.suspect_distance", None),
    ("incidents.identify_at", None),
    ("incidents.eta_window", None),
    ("incidents.publish.mode", None),
    ("incidents.publish.after", None),
    ("incidents.publish.breadth", None),
    ("incidents.publish.most_posts_an_hour", None),
    ("incidents.publish.fallback_after", None),
    ("incidents.publish.fallback", None),
];

/// One layer: paths with their values and where those come from.
#[derive(Debug, Clone, Default)]
struct Layer(Vec<(String, String, String)>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let values = self.0.iter().map(|(path, text, origin)| {
            (path.clone(), Value::new(Some(origin), ValueKind::String(text.clone())))
        });
        Ok(values.collect())
    }
}

/// What the layer of the file calls itself.
const FILE: &str = "the file";

/// Merges the layers into the tree of the file.
pub fn merge(root: &mut Node, environment: &[(String, String)], flags: &[(String, String)]) -> Problems {
    let mut problems = Problems::new();
    let defaults = SETTINGS.iter().filter_map(|(path, default)| {
        default.map(|text| ((*path).to_owned(), text.to_owned(), "the default".to_owned()))
    });
    let file = SETTINGS.iter().filter_map(|(path, _)| {
        find(root, path).map(|text| ((*path).to_owned(), text.to_owned(), FILE.to_owned()))
    });
    let environment = environment.iter().filter_map(|(name, text)| {
        let path = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
        known(&path, name, text, &mut problems)
    });
    let environment = Layer(environment.collect());
    let flags = flags
        .iter()
        .filter_map(|(path, text)| known(path, &format!("--{path}"), text, &mut problems))
        .collect();
    let merged = config::Config::builder()
        .add_source(Layer(defaults.collect()))
        .add_source(Layer(file.collect()))
        .add_source(environment)
        .add_source(Layer(flags))
        .build()
        .and_then(|merged| merged.collect());
    match merged {
        Ok(values) => {
            for (path, _) in SETTINGS {
                if let Some((text, origin)) = value(&values, path).filter(|(_, origin)| origin != FILE) {
                    set(root, path, &text, &Where::Setting(origin.into()));
                }
            }
        }
        Err(error) => {
            problems.add(Problem::error(None, format!("the layers of settings do not merge: {error}")))
        }
    }
    problems
}

fn known(path: &str, name: &str, text: &str, problems: &mut Problems) -> Option<(String, String, String)> {
    if SETTINGS.iter().any(|(known, _)| *known == path) {
        return Some((path.to_owned(), text.to_owned(), name.to_owned()));
    }
    let problem = Problem::error(None, format!("`{name}`: there is no setting `{path}` outside of the file"));
    problems.add(match suggest::hint(path, SETTINGS.iter().map(|(path, _)| *path)) {
        Some(hint) => problem.hint(hint),
        None => problem.hint("see `docs/configuration.md` for those that the environment and flags can set"),
    });
    None
}

fn find<'n>(root: &'n Node, path: &str) -> Option<&'n str> {
    path.split('.').try_fold(root, |node, key| node.get(key))?.text()
}

/// The merged value at `path` and its origin.
fn value(values: &Map<String, Value>, path: &str) -> Option<(String, String)> {
    let mut keys = path.split('.');
    let mut value = values.get(keys.next()?)?.clone();
    for key in keys {
        value = value.into_table().ok()?.get(key)?.clone();
    }
    let origin = value.origin()?.to_owned();
    Some((value.into_string().ok()?, origin))
}

/// Puts a value into the tree. Where something else than a map is in its way, that is left for its own problem.
fn set(root: &mut Node, path: &str, text: &str, at: &Where) {
    let mut node = root;
    for key in path.split('.') {
        if matches!(node.content, Content::Null) {
            node.content = Content::Map(Vec::new());
        }
        let Content::Map(entries) = &mut node.content else { return };
        let place = entries.iter().position(|(have, _)| have.value == key).unwrap_or_else(|| {
            let absent = Node { at: at.clone(), content: Content::Null };
            entries.push((Scalar { at: at.clone(), value: key.to_owned(), typed: false }, absent));
            entries.len() - 1
        });
        node = &mut entries[place].1;
    }
    let text = Scalar { at: at.clone(), value: text.to_owned(), typed: true };
    *node = Node { at: at.clone(), content: Content::Scalar(text) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree;

    fn merged(text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> (Node, Problems) {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut root = tree::parse(&"f.yml".into(), text).map_err(|p| p.to_string()).expect("YAML");
        let problems = merge(&mut root, &own(environment), &own(flags));
        (root, problems)
    }

    #[test]
    fn the_highest_layer_wins() {
        let variable = ("FOGSIGNAL__SERVER__LISTEN", "1.1.1.1:1");
        let flag = ("server.listen", "2.2.2.2:2");
        let file = "server: {listen: '3.3.3.3:3'}\n";
        let check = |text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)], expected: &str| {
            let (root, problems) = merged(text, environment, flags);
            assert!(problems.is_empty(), "{problems}");
            assert_eq!(find(&root, "server.listen"), Some(expected));
        };
        check("", &[], &[], "127.0.0.1:9096");
        check(file, &[], &[], "3.3.3.3:3");
        check(file, &[variable], &[], "1.1.1.1:1");
        check(file, &[variable], &[flag], "2.2.2.2:2");
        check("server:\n", &[variable], &[], "1.1.1.1:1");
    }

    #[test]
    fn a_variable_nobody_knows_is_named() {
        let (_, problems) =
            merged("", &[("FOGSIGNAL__SERVER__LISTNE", "x"), ("OTHER", "y")], &[("sinks", "z")]);
        assert_eq!(
            problems.to_string(),
            "`FOGSIGNAL__SERVER__LISTNE`: there is no setting `server.listne` outside of the file (hint: did you mean \
             `server.listen`?)\n\
             `--sinks`: there is no setting `sinks` outside of the file (hint: see `docs/configuration.md` for those \
             that the environment and flags can set)"
        );
    }
}
