//! From a tree to typed values, noting what cannot be read and going on.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;

use crate::config::tree::{self, Content, Node, Where};
use crate::model::{Level, Place, Problem, Problems, suggest};

/// Notes problems at their places while a tree is read and checked.
pub struct Reader {
    file: Arc<str>,
    text: String,
    problems: RefCell<Problems>,
    /// Keys of sections that were written, but could not be read.
    unreadable: RefCell<Vec<(Where, &'static str)>>,
}

/// Why a text is not what it should be. Never repeats the text of a secret.
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Wrong {
    /// A reason without a hint.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// Says how to mend it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Reader {
    /// For a file; `text` must hold no secret any more.
    pub fn new(file: &Arc<str>, text: String) -> Self {
        Self { file: file.clone(), text, problems: RefCell::default(), unreadable: RefCell::default() }
    }

    /// All that was noted.
    pub fn into_problems(self) -> Problems {
        self.problems.into_inner()
    }

    /// How many errors were noted so far.
    pub fn errors(&self) -> usize {
        self.problems.borrow().iter().filter(|problem| problem.level == Level::Error).count()
    }

    /// The place in the file; none for what comes from the environment or a flag.
    pub fn place(&self, at: &Where) -> Option<Place> {
        match at {
            Where::File(span) => Some(Place::new(&self.file, &self.text, *span)),
            Where::Setting(_) => None,
        }
    }

    /// Notes an error.
    pub fn error(&self, at: &Where, wrong: impl Into<Wrong>) {
        self.note(at, wrong.into(), Problem::error);
    }

    /// Notes a warning.
    pub fn warning(&self, at: &Where, wrong: impl Into<Wrong>) {
        self.note(at, wrong.into(), Problem::warning);
    }

    /// Takes over problems that were found elsewhere.
    pub fn extend(&self, problems: Problems) {
        self.problems.borrow_mut().extend(problems);
    }

    /// The value, or a problem that it is missing; one that was written wrongly is a problem already.
    pub fn required<T>(&self, value: Option<T>, section: &Where, key: &str, what: &str) -> Option<T> {
        if value.is_none() && !self.is_unreadable(section, key) {
            self.error(section, format!("{what} needs `{key}`"));
        }
        value
    }

    /// Whether a key of a section was written, but could not be read.
    pub fn is_unreadable(&self, section: &Where, key: &str) -> bool {
        self.unreadable.borrow().iter().any(|(at, name)| at == section && *name == key)
    }

    fn note(&self, at: &Where, wrong: Wrong, problem: fn(Option<Place>, String) -> Problem) {
        let what = match at {
            Where::File(_) => wrong.what,
            Where::Setting(name) => format!("`{name}`: {}", wrong.what),
        };
        let problem = problem(self.place(at), what);
        self.problems.borrow_mut().add(match wrong.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    /// The entries of a map, or a problem.
    pub fn entries<'n>(&self, node: &'n Node, what: &str) -> Option<&'n [(tree::Scalar, Node)]> {
        match &node.content {
            Content::Map(entries) => Some(entries),
            _ => {
                self.error(&node.at, format!("{what} must be a map of keys and values, not {}", node.kind()));
                None
            }
        }
    }

    /// The value of a key of a section; nothing written is nothing set.
    pub fn field<T: Read>(&self, section: &Where, key: &'static str, node: &Node) -> Option<T> {
        if matches!(node.content, Content::Null) {
            return None;
        }
        let value = T::read(node, self);
        if value.is_none() {
            self.unreadable.borrow_mut().push((section.clone(), key));
        }
        value
    }

    /// Notes a key that no section of this kind has.
    pub fn unknown_key(&self, key: &tree::Scalar, what: &str, known: &[&str]) {
        let wrong = Wrong::new(format!("{what} has no key `{}`", key.value));
        let hint = suggest::hint(key.value.trim_start_matches('_'), known.iter().copied());
        self.error(&key.at, Wrong { hint, ..wrong });
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

impl From<&str> for Wrong {
    fn from(what: &str) -> Self {
        Self::new(what)
    }
}

/// Whatever can be read from a node.
pub trait Read: Sized {
    /// The value; where it cannot be read, the reader has noted why.
    fn read(node: &Node, reader: &Reader) -> Option<Self>;
}

/// A value that is written as one text.
pub trait Scalar: Sized {
    /// What it is called in a problem: `a duration such as 30s`.
    const WHAT: &'static str;

    /// From the text.
    ///
    /// # Errors
    /// Where the text is none such.
    fn parse(text: &str) -> Result<Self, Wrong>;

    /// Its JSON Schema.
    fn schema() -> Json;
}

/// A value and where it stands.
#[derive(Clone)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: Where,
}

impl<T: Scalar> Read for At<T> {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        let Some(text) = node.text() else {
            reader.error(&node.at, format!("expected {}, found {}", T::WHAT, node.kind()));
            return None;
        };
        match T::parse(text) {
            Ok(value) => Some(Self { value, at: node.at.clone() }),
            Err(wrong) => {
                reader.error(&node.at, wrong);
                None
            }
        }
    }
}

impl<T: Scalar> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(T::schema()).unwrap_or_default()
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        let Content::List(items) = &node.content else {
            reader.error(
                &node.at,
                Wrong::new(format!("expected a list, found {}", node.kind()))
                    .hint("begin each entry with `- `"),
            );
            return None;
        };
        Some(items.iter().filter_map(|item| T::read(item, reader)).collect())
    }
}

/// One value, or a list of them.
#[derive(Clone)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Read> Read for OneOrMany<T> {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        match node.content {
            Content::List(_) => Vec::read(node, reader).map(Self),
            _ => T::read(node, reader).map(|one| Self(vec![one])),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}

/// A map whose keys the user chooses.
#[derive(Clone)]
pub struct Entries<T>(pub Vec<(At<String>, T)>);

impl<T: Read> Read for Entries<T> {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        let entries = reader.entries(node, "this")?;
        let read = entries.iter().filter_map(|(key, value)| {
            Some((At { value: key.value.clone(), at: key.at.clone() }, T::read(value, reader)?))
        });
        Some(Self(read.collect()))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

/// Declares a section: its fields, the keys of Prometheus that are accepted but not used, and the keys that are
/// refused by name, each with a hint. `with at` keeps the place of the section itself.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident as $what:literal $(with $at:ident)? {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty, )*
        }
        unused [ $($unused:literal),* $(,)? ]
        later [ $($later:literal => $hint:literal),* $(,)? ]
    ) => {
        $(#[$meta])*
        #[derive(Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields, transform = allow::<$name>)]
        pub struct $name {
            $(
                /// Where the section stands.
                #[schemars(skip)]
                pub $at: crate::config::tree::Where,
            )?
            $( $(#[$field_meta])* pub $field: Option<$type>, )*
        }

        impl crate::config::raw::read::Section for $name {
            const UNUSED: &'static [&'static str] = &[$($unused),*];
        }

        impl crate::config::raw::read::Read for $name {
            fn read(
                node: &crate::config::tree::Node,
                reader: &crate::config::raw::read::Reader,
            ) -> Option<Self> {
                use crate::config::raw::read::{Section, Wrong, key};
                let entries = reader.entries(node, $what)?;
                let mut section = Self { $($at: node.$at.clone(),)? $($field: None,)* };
                for (name, value) in entries {
                    let text = name.value.as_str();
                    $( if text == key(stringify!($field)) {
                        section.$field = reader.field(&node.at, key(stringify!($field)), value);
                        continue;
                    } )*
                    $( if text == $later {
                        reader.error(&name.at, Wrong::new(concat!("`", $later, "` is not supported yet")).hint($hint));
                        continue;
                    } )*
                    if Self::UNUSED.contains(&text) {
                        reader.warning(&name.at, format!("`{text}` is not used by Fogsignal"));
                    } else if text.ends_with("_sd_configs") {
                        reader.error(
                            &name.at,
                            Wrong::new(format!("service discovery through `{text}` is not supported yet"))
                                .hint("list the targets in `static_configs`"),
                        );
                    } else {
                        reader.unknown_key(name, $what, &[$(key(stringify!($field))),*]);
                    }
                }
                Some(section)
            }
        }
    };
}
pub(super) use section;

/// What a section's JSON Schema must allow beside its own keys.
pub trait Section {
    /// Keys of Prometheus that are accepted with a warning.
    const UNUSED: &'static [&'static str];
}

/// A field's name as a key: `r#match` is `match`.
pub fn key(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Adds the keys that are accepted but not used to a section's JSON Schema.
pub fn allow<S: Section>(schema: &mut Schema) {
    let properties =
        schema.ensure_object().entry("properties").or_insert_with(|| Json::Object(Default::default()));
    if let Json::Object(properties) = properties {
        for key in S::UNUSED {
            let about =
                serde_json::json!({"description": "Accepted from a Prometheus configuration; not used."});
            properties.entry((*key).to_owned()).or_insert(about);
        }
    }
}
