//! Every example in README.md and docs/rules.md does what it says: it loads. (docs/configuration.md is held to the
//! loader in `src/config`, docs/webhook.md to the bodies in `src/sinks`.)

use std::fs;
use std::path::{Path, PathBuf};

use fogsignal::config::{Disk, Sources, load};
use fogsignal::replay::rule_tests;
use fogsignal::rules::{self, Context};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of YAML.
fn examples(document: &str) -> Vec<&str> {
    document.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Rules that stand alone in an example, put into a group.
fn as_file(example: &str) -> String {
    if example.starts_with("groups:") {
        return example.to_owned();
    }
    let indented: String = example.lines().map(|line| format!("  {line}\n")).collect();
    format!("groups:\n- name: example\n  rules:\n{indented}")
}

#[test]
fn the_rules_of_the_guide_load() {
    let guide = document("docs/rules.md");
    let examples = examples(&guide);
    assert!(4 <= examples.len(), "{examples:?}");
    for example in examples.into_iter().filter(|example| !example.starts_with("rule_files:")) {
        let (groups, problems) = rules::load(&"docs/rules.md".into(), &as_file(example), &Context::default());
        assert!(problems.is_empty(), "{}", problems.render(false));
        assert!(!groups[0].rules.is_empty(), "{example}");
    }
}

#[test]
fn the_unit_test_of_the_guide_passes() {
    let guide = document("docs/rules.md");
    let examples = examples(&guide);
    let test = examples.iter().find(|example| example.starts_with("rule_files:")).expect("there is one");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("user-database.yml"), examples[0]).expect("written");
    let file = folder.path().join("test.yml");
    fs::write(&file, test).expect("written");
    let tested = rule_tests::test(&file, &Disk, &rule_tests::Options::default());
    let tested = tested.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(tested.cases.len(), 1);
    assert!(tested.cases[0].failures.is_empty() && tested.lint.is_empty(), "{:?}", tested.cases);
}

#[test]
fn the_first_rule_of_the_readme_works_with_its_configuration() {
    let readme = document("README.md");
    let [config, rules] = examples(&readme)[..] else { panic!("README has a configuration and a rule file") };
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder can be made");
        fs::write(&path, text).expect("a file can be written");
        path
    };
    put("rules/database.yml", rules);
    let secret = put("webhook-secret", "whsec_c2VjcmV0");
    let config = config.replace("/etc/fogsignal/webhook-secret", &secret.display().to_string());
    let file = put("fogsignal.yml", &config);
    let (config, warnings) = load(&Sources { file, ..Sources::default() }).unwrap_or_else(|problems| {
        panic!("{}", problems.render(false));
    });
    assert!(warnings.is_empty(), "{}", warnings.render(false));
    assert_eq!((config.jobs.len(), config.groups.len(), config.sinks.len()), (1, 1, 2));
}
