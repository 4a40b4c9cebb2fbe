//! Definitions as files: those that we ship load without a word, and a wrong one is told where it is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fogsignal::delivery::Audience;

use super::journey::sink;

/// A file of the project.
fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the file is there")
}

#[test]
fn the_example_of_the_manual_works() {
    let manual = document("docs/adapters.md");
    let examples = manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let definitions: Vec<&str> = examples.filter(|example| example.starts_with("adapter:")).collect();
    assert_eq!(definitions.len(), 1);
    let settings = ["token: FILE:secret", "url: https://board.example"];
    let making = sink("notice-board", Audience::Customers, &settings).defined_by(definitions[0]);
    assert!(making.load().0.is_ok(), "{:?}", making.load().0.err());
}

#[test]
fn the_table_of_the_manual_says_what_the_definitions_say() {
    let manual = document("docs/adapters.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sinks");
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        let value = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)).expect("the key is there").trim()
        };
        let name = value("adapter:");
        let row = manual.lines().find(|line| line.starts_with(&format!("| `{name}` | "))).expect("a row");
        let cells: Vec<&str> = row.split(" | ").collect();
        let operations = text.split("\noperations:").nth(1).expect("operations");
        let audience = match (operations.contains("\n  open:"), operations.contains("\n  page:")) {
            (true, true) => "both",
            (true, false) => "customers",
            _ => "responders",
        };
        assert_eq!(cells[1], audience, "{name}");
        let settings = text
            .split("\nsettings:\n")
            .nth(1)
            .expect("settings")
            .lines()
            .take_while(|line| line.starts_with(' '));
        let settings: Vec<String> = settings
            .filter_map(|line| {
                line.trim().split_once(": ").map(|(key, about)| (key, about.contains("required: true")))
            })
            .map(|(key, required)| if required { format!("**`{key}`**") } else { format!("`{key}`") })
            .collect();
        assert_eq!(cells[2], settings.join(", "), "{name}");
        assert!(cells[4].starts_with(value("lost_answer:")), "{name}");
    }
}

const OWN: &str = r#"adapter: mine
settings:
  token: {about: a token, required: true, secret: true}
operations:
  open:
    url: "https://mine.example/{{ settings.token }}"
    json:
      title: "{{ title }}"
"#;

/// A sink of `definition`, which goes under the name `mine`.
fn problems(definition: &str) -> String {
    let making = sink("mine", Audience::Customers, &["token: FILE:secret"]).defined_by(definition);
    match making.load().0 {
        Ok(_) => String::new(),
        Err(problems) => problems,
    }
}

#[test]
fn every_definition_that_we_ship_loads_without_a_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sinks");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a text");
        assert!(text.contains(&format!("\nadapter: {name}\n")), "{name} is called otherwise");
        // As a user's own file, so that whatever is wrong with it is told with its place.
        let told = match sink(&name, Audience::Customers, &["x: y"]).defined_by(&text).load().0 {
            Ok(_) => panic!("{name} takes any setting"),
            Err(told) => told,
        };
        let of_it: Vec<&str> = told.lines().filter(|line| line.contains("own.yml")).collect();
        assert!(of_it.is_empty(), "{name}: {of_it:#?}");
        // And as the one of the program.
        let told =
            sink(&name, Audience::Customers, &["x: y"]).load().0.expect_err("the setting is not known");
        assert!(told.contains(&format!("the adapter `{name}` has no setting `x`")), "{name}: {told}");
        names.insert(name);
    }
    assert_eq!(names.len(), 17, "{names:?}");
}

#[test]
fn a_definition_that_is_wrong_is_told_where() {
    assert_eq!(problems(OWN), "");
    let check = |from: &str, to: &str, expected: &str| {
        assert!(OWN.contains(from), "{from}");
        let told = problems(&OWN.replacen(from, to, 1));
        assert!(told.contains(expected) && told.lines().count() == 1, "{from} → {to}:\n{told}");
    };
    check(
        "{{ title }}",
        "{{ titel }}",
        "own.yml:6:5: the operation `open` does not work: `title`: `titel` gives nothing",
    );
    check(
        "{{ settings.token }}",
        "{{ settings.tokn }}",
        "own.yml:6:5: the operation `open` does not work: `url`",
    );
    check(
        "{{ title }}",
        "{{ title | uper }}",
        "own.yml:6:5: the operation `open` does not work: `title`: filter uper is unknown",
    );
    check("    json:", "    jsn:", "own.yml:7:5: a step has no key `jsn`");
    check("  open:", "  opne:", "own.yml:5:3: there is no operation `opne`");
    check("    json:", "    success: 99\n    json:", "own.yml:7:14: `99` is no status of HTTP");
    check("\"{{ title }}\"", "{$each: components}", "own.yml:8:14: this needs `$value`");
    check("\"{{ title }}\"", "{$eech: components, $value: 1}", "own.yml:8:15: this has no key `$eech`");
    check("    json:", "    method: post\n    json:", "own.yml:7:13: `post` is no method");
    check(
        "required: true, secret: true",
        "secret: true, default: x",
        "own.yml:3:10: the secret `token` cannot have a default",
    );
    check("    json:", "    adopts: it\n    json:", "it needs `done_if`");
}
