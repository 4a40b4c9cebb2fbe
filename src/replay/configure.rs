//! The configuration of a scenario, from a file or from the scenario itself.
//!
//! In:   the scenario; the files that it names.
//! Out:  a checked configuration with all rules, or every problem at its place, in the scenario too.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{self, Config, Disk, Files, Sources};
use crate::model::{Problem, Problems, suggest};
use crate::rules::{self, Group};

use super::language::{ConfigText, Deed, Inline, Scenario, Wrong};

/// What stands in for a configuration that a scenario does without: somebody to hear of it.
const DEFAULT: &str = "
global: {evaluation_interval: 15s}
sinks:
- {name: status-page, adapter: stdout, audience: customers}
- {name: ops, adapter: stdout, audience: responders}
";

/// Reads the configuration of `scenario`; with it come the warnings.
///
/// # Errors
/// All that is wrong with it, or that the scenario says of sinks and components that it does not have.
pub fn configure(scenario: &Scenario) -> Result<(Config, Problems), Problems> {
    let (config, warnings) = read(scenario, &scenario.config)?;
    let wrong = unknown_names(scenario, &config);
    if wrong.is_empty() { Ok((config, warnings)) } else { Err(wrong) }
}

/// Reads the configuration that stands at a `reload`; rules in the scenario belong to it too.
///
/// # Errors
/// All that is wrong with it.
pub fn reconfigure(scenario: &Scenario, text: &Inline) -> Result<Config, Problems> {
    read(scenario, &ConfigText::Inline(text.clone())).map(|(config, _)| config)
}

fn read(scenario: &Scenario, text: &ConfigText) -> Result<(Config, Problems), Problems> {
    let folder = scenario.path.parent().unwrap_or(Path::new(""));
    let (file, files): (PathBuf, Box<dyn Files>) = match text {
        ConfigText::File(file, _) => (folder.join(file), Box::new(Disk)),
        ConfigText::Inline(Inline(text)) => (scenario.path.clone(), Overlay::boxed(&scenario.path, text)),
        ConfigText::Default => (scenario.path.clone(), Overlay::boxed(&scenario.path, DEFAULT)),
    };
    let sources = Sources { file, ..Sources::default() };
    let (mut config, warnings) = config::load_with(&sources, &*files).map_err(|problems| match text {
        ConfigText::File(_, place) if problems.iter().all(|problem| problem.place.is_none()) => {
            let here =
                problems.iter().map(|problem| scenario.source.problem(*place, problem.what.clone()).into());
            here.collect()
        }
        _ => problems,
    })?;
    add_rules(scenario, &mut config)?;
    Ok((config, warnings))
}

/// Adds the rules that stand in the scenario to those of the configuration's rule files.
fn add_rules(scenario: &Scenario, config: &mut Config) -> Result<(), Problems> {
    let mut groups: Vec<Group> = config.groups.iter().map(|group| (**group).clone()).collect();
    let mut problems = Problems::new();
    for Inline(text) in &scenario.rules {
        let (read, found) = rules::load(&scenario.source.file, text, &config.rules);
        groups.extend(read);
        problems.extend(found);
    }
    if problems.has_errors() {
        return Err(problems);
    }
    if !scenario.rules.is_empty() {
        rules::unique_ids(&mut groups);
        config.groups = groups.into_iter().map(Arc::new).collect();
    }
    Ok(())
}

fn unknown_names(scenario: &Scenario, config: &Config) -> Problems {
    let mut problems = Problems::new();
    let reporting = scenario.happenings.iter().filter_map(|happening| match &happening.what {
        Deed::Report { sink: (sink, place), .. } => Some((sink, *place)),
        _ => None,
    });
    let moods = scenario.moods.iter().map(|mood| (&mood.sink, mood.place));
    for (sink, place) in moods.chain(reporting) {
        let known = || config.sinks.iter().map(|sink| sink.name.as_str());
        if !known().any(|name| name == sink.as_str()) {
            let wrong = scenario.source.problem(place, format!("there is no sink `{sink}`"));
            problems.add(hinted(wrong, suggest::hint(sink.as_str(), known())));
        }
    }
    for happening in &scenario.happenings {
        let Deed::Change(_, Some((id, place))) = &happening.what else { continue };
        if config.graph.get(id).is_none() {
            let known = config.graph.iter().map(|component| component.id.as_str());
            let problem = scenario.source.problem(*place, format!("there is no component `{id}`"));
            problems.add(hinted(problem, suggest::hint(id.as_str(), known)));
        }
    }
    problems
}

fn hinted(wrong: Wrong, hint: Option<String>) -> Problem {
    match hint {
        Some(hint) => wrong.hint(hint).into(),
        None => wrong.into(),
    }
}

/// The disk, but for one file that lies over it.
struct Overlay {
    path: PathBuf,
    text: String,
}

impl Overlay {
    fn boxed(path: &Path, text: &str) -> Box<dyn Files> {
        Box::new(Self { path: path.to_owned(), text: text.to_owned() })
    }
}

impl Files for Overlay {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == self.path { Ok(self.text.clone().into_bytes()) } else { Disk.read(path) }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        Disk.list(directory)
    }
}
