//! Every scenario in `tests/scenarios` comes out as it says, and every example of docs/scenarios.md does.

use std::fs;
use std::path::{Path, PathBuf};

use fogsignal::replay::{play, problems_of};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The scenarios, in the order of their names.
fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new("tests/scenarios");
    let entries = fs::read_dir(root().join(folder)).expect("the folder can be listed");
    let names = entries.map(|entry| entry.expect("the folder can be listed").file_name());
    let mut files: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "scn"));
    files.sort();
    files
}

fn differences(path: &Path, text: &str) -> Option<String> {
    match play(path, text) {
        Ok(played) => Some(played.differences).filter(|differences| !differences.is_empty()),
        Err(error) => Some(problems_of(error).render(false)),
    }
}

#[test]
fn every_scenario_comes_out_as_it_says() {
    let files = scenarios();
    assert!(!files.is_empty(), "there are no scenarios");
    let failing = files.iter().filter_map(|file| {
        let text = fs::read_to_string(root().join(file)).expect("a scenario can be read");
        differences(file, &text)
    });
    let failing: Vec<String> = failing.collect();
    assert!(
        failing.is_empty(),
        "{}\n\n{} of {} scenarios differ; `fogsignal test scenarios --bless` would write the answers",
        failing.join("\n\n"),
        failing.len(),
        files.len()
    );
}

#[test]
fn the_same_scenario_gives_the_same_bytes() {
    let file = scenarios().into_iter().next().expect("there are scenarios");
    let text = fs::read_to_string(root().join(&file)).expect("a scenario can be read");
    let tell = || format!("{:?}", play(&file, &text).expect("it can be used").record.entries);
    assert!(tell() == tell(), "{} came out in two ways", file.display());
}

#[test]
fn every_example_of_the_guide_comes_out_as_it_says() {
    let guide = fs::read_to_string(root().join("docs/scenarios.md")).expect("the guide can be read");
    let examples: Vec<&str> =
        guide.split("```scn\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(4 <= examples.len(), "{} examples", examples.len());
    for (nth, example) in examples.iter().enumerate() {
        let path = PathBuf::from(format!("docs/example-{}.scn", nth + 1));
        if let Some(differences) = differences(&path, example) {
            panic!("example {} of docs/scenarios.md:\n{example}\n{differences}", nth + 1);
        }
    }
}
