//! From sources to a configuration.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{ComponentId, Graph, Place, Problem, Problems, suggest};
use crate::rules::{self, Group, Rule};

use super::check;
use super::files::{Disk, Files, read_text};
use super::raw::{RawConfig, Read, Reader};
use super::rule_files::{self, RuleFile};
use super::settings::Config;
use super::tree::{self, Content};
use super::{hidden, layers};

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file.
    pub file: PathBuf,
    /// The environment; only names that begin with `FOGSIGNAL__` are looked at.
    pub environment: Vec<(String, String)>,
    /// Settings from flags, by path: `("server.listen", "0.0.0.0:9096")`.
    pub overrides: Vec<(String, String)>,
}

/// Loads a configuration; with it come the warnings.
///
/// # Errors
/// All problems at once, warnings among them, in the order of the file.
pub fn load(sources: &Sources) -> Result<(Config, Problems), Problems> {
    load_with(sources, &Disk)
}

/// As `load`, from files that need not lie on a disk.
///
/// # Errors
/// As `load`.
pub fn load_with(sources: &Sources, files: &dyn Files) -> Result<(Config, Problems), Problems> {
    let file: Arc<str> = sources.file.display().to_string().into();
    let text = read_text(files, &sources.file, None).map_err(|problem| Problems::from(*problem))?;
    let mut root = tree::parse(&file, &text).map_err(|problem| Problems::from(*problem))?;
    if matches!(root.content, Content::Null) {
        return Err(Problem::error(None, format!("`{file}` is empty"))
            .hint("the shortest configuration that does something has `scrape_configs` and `rule_files`")
            .into());
    }
    let reader = Reader::new(&file, hidden::mask_tree(&text, &root));
    reader.extend(layers::merge(&mut root, &sources.environment, &sources.overrides));
    let base = sources.file.parent().unwrap_or(Path::new(""));
    let checked = RawConfig::read(&root, &reader).map(|raw| check::check(raw, base, files, &reader));
    let config = checked.map(|(config, patterns)| {
        let rule_files = rule_files::read(&patterns, base, files, &reader);
        let groups = groups(&rule_files, &config, &reader);
        let read = config.sources.iter().cloned().chain(rule_files.into_iter().map(|file| file.path));
        let sources = iter::once(sources.file.clone()).chain(read).collect();
        let config = Config { groups, sources, ..config };
        // A sink that is wrong is none yet, which is said already.
        if let Some(first) = patterns.first().filter(|_| reader.errors() == 0) {
            check::audience::check(&config, &first.at, &reader);
        }
        config
    });
    let problems = sorted(reader.into_problems(), &file);
    match config {
        Some(config) if !problems.has_errors() => Ok((config, problems)),
        _ => Err(problems),
    }
}

/// By file, the configuration first, then by line: as people read.
fn sorted(problems: Problems, first: &Arc<str>) -> Problems {
    let mut files: Vec<Arc<str>> = vec![first.clone()];
    let mut sorted: Vec<((usize, usize, usize), Problem)> = Vec::new();
    for problem in problems.iter() {
        let key = match &problem.place {
            None => (0, 0, 0),
            Some(place) => {
                let nth = files.iter().position(|file| *file == place.file).unwrap_or_else(|| {
                    files.push(place.file.clone());
                    files.len() - 1
                });
                (nth + 1, place.line, place.column)
            }
        };
        sorted.push((key, problem.clone()));
    }
    sorted.sort_by_key(|(key, _)| *key);
    sorted.into_iter().map(|(_, problem)| problem).collect()
}

/// What is wrong with rule files by themselves, as they would be read without a configuration around them.
pub fn check_rules(paths: &[PathBuf]) -> Problems {
    let mut problems = Problems::new();
    for path in paths {
        match read_text(&Disk, path, None) {
            Ok(text) => {
                let name: Arc<str> = path.display().to_string().into();
                problems.extend(rules::load(&name, &text, &rules::Context::default()).1);
            }
            Err(problem) => problems.add(*problem),
        }
    }
    problems
}

fn groups(files: &[RuleFile], config: &Config, reader: &Reader) -> Vec<Arc<Group>> {
    let mut groups = Vec::new();
    for file in files {
        let (read, problems) = rules::load(&file.name, &file.text, &config.rules);
        reader.extend(problems);
        groups.extend(read);
    }
    rules::unique_ids(&mut groups);
    groups.iter().flat_map(|group| &group.rules).for_each(|rule| reader.extend(unknown(rule, &config.graph)));
    groups.into_iter().map(Arc::new).collect()
}

/// Components that a rule names and that nobody defined. Where there are no components at all, none is meant.
fn unknown(rule: &Rule, graph: &Graph) -> Problems {
    let unknown = rule.components.iter().filter(|(id, _)| !graph.is_empty() && graph.get(id).is_none());
    let problem = |(id, place): &(ComponentId, Place)| {
        let what = format!("component `{id}` of rule `{}` is not defined", rule.name);
        let problem = Problem::warning(place.clone(), what);
        match suggest::hint(id.as_str(), graph.iter().map(|component| component.id.as_str())) {
            Some(hint) => problem.hint(hint),
            None => problem.hint("define it under `components`"),
        }
    };
    unknown.map(problem).collect()
}
