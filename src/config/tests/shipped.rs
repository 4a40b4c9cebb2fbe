//! What we ship and print: the examples, and those of the manual, which names every key.

use super::*;

/// Every file below a directory whose name ends in `.yml`.
fn yaml_files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(directory).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "yml")).collect()
}

#[test]
fn the_examples_load() {
    let mut files = yaml_files("config");
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes/fogsignal.yml"));
    assert!(3 < files.len());
    for file in files {
        let loaded = load(&Sources { file: file.clone(), ..Sources::default() });
        let (_, problems) = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let unexpected: Vec<String> = problems
            .iter()
            .map(ToString::to_string)
            .filter(|problem| !file.ends_with("prometheus.yml") || !problem.contains("is not used by"))
            // A configuration of Prometheus has no sinks.
            .filter(|problem| !file.ends_with("prometheus.yml") || !problem.contains("there are no `sinks`"))
            // The examples name the rule packs, whose components are for the user to define.
            .filter(|problem| !problem.contains("/config/secrets/"))
            .filter(|problem| !problem.contains("no file fits") && !problem.contains("is not defined"))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }
}

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    std::fs::read_to_string(path).expect("docs/configuration.md is there")
}

#[test]
fn every_example_in_the_manual_loads() {
    let manual = manual();
    let blocks: Vec<&str> =
        manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(5 < blocks.len());
    for block in blocks {
        let secrets = ["crm-token", "crm-client", "status-url", "status-secret", "ops-url"];
        let tracker = "adapter: acme-tracker\nsettings: {project: {required: true}, token: {secret: true}}\n\
                       operations: {page: {url: 'https://tracker.example/{{ settings.project }}'}}\n";
        let files = Memory::default().with("/etc/f.yml", block).with("/etc/acme-tracker.yml", tracker);
        let files =
            secrets.into_iter().fold(files, |files, name| files.with(&format!("/etc/secrets/{name}"), "s"));
        let (_, problems) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(problems.is_empty(), "{problems}\n\n{block}");
    }
}

#[test]
fn the_manual_names_every_key_and_every_setting() {
    fn keys(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        if let Some(properties) = value.get("properties").and_then(serde_json::Value::as_object) {
            found.extend(properties.keys().cloned());
        }
        match value {
            serde_json::Value::Object(map) => map.values().for_each(|value| keys(value, found)),
            serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut found = layers::SETTINGS.iter().map(|(path, _)| (*path).to_owned()).collect();
    keys(&schema::config(), &mut found);
    let manual = manual();
    let missing: Vec<&String> = found.iter().filter(|key| !manual.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "not in docs/configuration.md: {missing:?}");
}
