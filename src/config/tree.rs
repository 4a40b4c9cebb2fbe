//! The file as a tree in which settings from outside can stand too.
//!
//! In:   a file's name and its text.
//! Out:  its tree; or where the text is no YAML, with nothing of a line that seems to hold a secret.
//! Not:  YAML itself is read by `model::yaml`.

use std::sync::Arc;

use crate::model::{Place, Problem, Span, yaml};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// The configuration file.
    File(Span),
    /// A variable of the environment or a flag, by its name.
    Setting(Arc<str>),
}

/// A value and where it stands.
pub type Node = yaml::Node<Where>;
/// What a value is.
pub type Content = yaml::Content<Where>;
/// A key or a text and where it stands.
pub type Scalar = yaml::Scalar<Where>;

/// Reads a text as one YAML document.
///
/// # Errors
/// Where it is none, or more than one.
pub fn parse(file: &Arc<str>, text: &str) -> Result<Node, Box<Problem>> {
    let problem = |at: Option<Span>, what: &str| {
        let place = at.map_or_else(
            || Place::whole_file(file),
            |at| Place::new(file, &super::hidden::mask_lines(text), at),
        );
        Box::new(Problem::error(place, format!("not valid YAML: {what}")))
    };
    let document = yaml::parse(text).map_err(|error| problem(error.at, &error.what))?;
    match document.second {
        None => Ok(document.root.map_places(Where::File)),
        Some(second) => Err(problem(Some(second), "a second document begins, and only one is expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_yaml_is_said_with_its_place_and_without_secrets() {
        let check = |text: &str, expected: &str| {
            let problem = parse(&"f.yml".into(), text).err().expect("no YAML");
            assert_eq!(problem.to_string(), expected, "{text}");
            assert!(!problem.render(false).contains("hunter2"), "{}", problem.render(false));
        };
        check("a: 1\na: 2\n", "f.yml:2:1: not valid YAML: the key `a` is given twice");
        check("a: [1, 2\n", "f.yml:1:4: not valid YAML: unclosed bracket '['");
        check("password: \"hunter2\nb: 1\n", "f.yml:1:11: not valid YAML: unclosed quote");
        check(
            "a: 1\n---\nb: 2\n",
            "f.yml:2:1: not valid YAML: a second document begins, and only one is expected",
        );
    }
}
