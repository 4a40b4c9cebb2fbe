//! JSON Schemas of the files that users write, for editors and checks.
//!
//! In:   the raw types, whose comments become the descriptions.
//! Out:  one schema for each kind of file; `docs/schema/` holds them as files.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::{RawConfig, RawDefinition};

pub use super::rule_schema::rules;

/// The schema of the configuration file.
pub fn config() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawConfig>();
    titled(schema.to_value(), "Fogsignal configuration")
}

/// The schema of a file that describes a foreign system.
pub fn adapter() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawDefinition>();
    titled(schema.to_value(), "Fogsignal adapter")
}

fn titled(mut schema: Value, title: &str) -> Value {
    schema["title"] = title.into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the file, or writes it where `BLESS` is set.
    fn check(name: &str, schema: &Value) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(name);
        let text = format!("{schema:#}\n");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect("it is written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/schema/{name} is not current: run the tests with BLESS=1");
    }

    #[test]
    fn the_schemas_in_docs_are_current() {
        check("fogsignal.schema.json", &config());
        check("rules.schema.json", &rules());
        check("adapter.schema.json", &adapter());
    }
}
