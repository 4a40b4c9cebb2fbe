//! JUnit reports, as CI systems read them.

/// One test.
pub struct Case<'a> {
    /// What kind of test, or which file of tests.
    pub class: &'a str,
    /// Its name.
    pub name: &'a str,
    /// How it came out.
    pub outcome: Outcome,
}

/// How a test came out.
pub enum Outcome {
    /// As expected.
    Passed,
    /// Otherwise, and how.
    Failed(String),
    /// It could not be run, and why.
    Unusable(String),
}

/// The report of a suite.
pub fn report(suite: &str, tests: &[Case<'_>]) -> String {
    let mut cases = String::new();
    for case in tests {
        let (class, name) = (escaped(case.class), escaped(case.name));
        let (tag, text) = match &case.outcome {
            Outcome::Passed => {
                cases.push_str(&format!("  <testcase classname=\"{class}\" name=\"{name}\"/>\n"));
                continue;
            }
            Outcome::Failed(text) => ("failure", text),
            Outcome::Unusable(text) => ("error", text),
        };
        cases.push_str(&format!(
            "  <testcase classname=\"{class}\" name=\"{name}\">\n    <{tag}>{}</{tag}>\n  </testcase>\n",
            escaped(text)
        ));
    }
    let count = |is: fn(&Outcome) -> bool| tests.iter().filter(|case| is(&case.outcome)).count();
    let failures = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let errors = count(|outcome| matches!(outcome, Outcome::Unusable(_)));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" \
         failures=\"{failures}\" errors=\"{errors}\">\n{cases}</testsuite>\n",
        escaped(suite),
        tests.len()
    )
}

/// Text for XML: characters that it cannot hold are left out.
fn escaped(text: &str) -> String {
    let kept = |c: char| matches!(c, '\n' | '\t' | ' '..);
    let text: String = text.chars().filter(|c| kept(*c)).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
