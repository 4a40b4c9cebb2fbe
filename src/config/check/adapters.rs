//! `adapters` → definitions of foreign systems: those that we ship, and the user's own.
//!
//! In:   paths of files; the files that come with the program.
//! Out:  definitions by name; a user's own takes the place of ours of the same name.
//! Not:  what a sink says of itself `sinks` checks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::config::files::{Files, expand, read_text};
use crate::config::hidden;
use crate::config::raw::{
    At, Entries, LostAnswerWord, OneOrMany, RawDefinition, RawFind, RawRate, RawRequest, RawSettingOf,
    RawStandDown, RawTree, Read, Reader, Wrong,
};
use crate::config::tree::{self, Content, Node, Where};
use crate::delivery::{Audience, Rate};
use crate::model::{ComponentId, Problems, suggest};
use crate::sinks::http::{
    Body, Condition, Definition, Find, LostAnswer, Operation, OperationName, Setting, StandDown, Step,
    Template, Tree, Verdicts, rehearse,
};
use crate::sinks::{HttpSettings, SettingValue};

use super::Context;

/// What comes with the program, by name.
pub const SHIPPED: [(&str, &str); 17] = [
    ("alertmanager", include_str!("../../../config/sinks/alertmanager.yml")),
    ("cachet-v2", include_str!("../../../config/sinks/cachet-v2.yml")),
    ("cachet-v3", include_str!("../../../config/sinks/cachet-v3.yml")),
    ("discord", include_str!("../../../config/sinks/discord.yml")),
    ("goalert", include_str!("../../../config/sinks/goalert.yml")),
    ("google-chat", include_str!("../../../config/sinks/google-chat.yml")),
    ("incident-io", include_str!("../../../config/sinks/incident-io.yml")),
    ("incident-io-alerts", include_str!("../../../config/sinks/incident-io-alerts.yml")),
    ("mattermost", include_str!("../../../config/sinks/mattermost.yml")),
    ("ntfy", include_str!("../../../config/sinks/ntfy.yml")),
    ("opsgenie", include_str!("../../../config/sinks/opsgenie.yml")),
    ("pagerduty", include_str!("../../../config/sinks/pagerduty.yml")),
    ("slack", include_str!("../../../config/sinks/slack.yml")),
    ("slack-webhook", include_str!("../../../config/sinks/slack-webhook.yml")),
    ("statuspage", include_str!("../../../config/sinks/statuspage.yml")),
    ("teams", include_str!("../../../config/sinks/teams.yml")),
    ("telegram", include_str!("../../../config/sinks/telegram.yml")),
];

/// A body may be this long where a definition says nothing.
const MOST_BYTES: u64 = 256 << 10;

/// The definitions that there are.
#[derive(Default)]
pub(super) struct Definitions {
    theirs: BTreeMap<String, Arc<Definition>>,
    /// Names of those of the user's that cannot be used, which is said already.
    broken: BTreeSet<String>,
    /// Those of ours that were asked for: each is read once.
    ours: RefCell<BTreeMap<String, Arc<Definition>>>,
    pub(super) sources: Vec<PathBuf>,
}

impl Definitions {
    /// Reads the user's own.
    pub(super) fn read(patterns: &[At<String>], cx: &Context<'_>) -> Self {
        let mut definitions = Self::default();
        for pattern in patterns {
            let paths = match expand(cx.files, &cx.path(pattern)) {
                Ok(paths) => paths,
                Err(why) => {
                    cx.error(&pattern.at, why);
                    continue;
                }
            };
            if paths.is_empty() {
                cx.reader.warning(&pattern.at, format!("no file fits `{}`", pattern.value));
            }
            for path in paths {
                definitions.add(path, pattern, cx);
            }
        }
        definitions
    }

    fn add(&mut self, path: PathBuf, asked: &At<String>, cx: &Context<'_>) {
        match read_file(cx.files, &path, asked, cx) {
            Ok((name, definition)) => {
                match (name, definition) {
                    (_, Some(definition)) => {
                        let name = definition.name.clone();
                        if self.theirs.insert(name.clone(), Arc::new(definition)).is_some() {
                            cx.error(&asked.at, format!("two files define the adapter `{name}`"));
                        }
                    }
                    (name, None) => self.broken.extend(name),
                }
                self.sources.push(path);
            }
            Err(problems) => cx.reader.extend(problems),
        }
    }

    /// The definition of that name.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Definition>> {
        if let Some(theirs) = self.theirs.get(name) {
            return Some(theirs.clone());
        }
        if let Some(known) = self.ours.borrow().get(name) {
            return Some(known.clone());
        }
        let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        let definition = parse(&format!("{name}.yml"), text).0.map(Arc::new)?;
        self.ours.borrow_mut().insert(name.to_owned(), definition.clone());
        Some(definition)
    }

    /// Whether there is a definition of that name that cannot be used.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    /// Every name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.theirs.keys().map(String::as_str).chain(SHIPPED.iter().map(|(name, _)| *name))
    }
}

fn read_file(
    files: &dyn Files,
    path: &std::path::Path,
    asked: &At<String>,
    cx: &Context<'_>,
) -> Result<(Option<String>, Option<Definition>), Problems> {
    let text =
        read_text(files, path, cx.reader.place(&asked.at)).map_err(|problem| Problems::from(*problem))?;
    let file = path.display().to_string();
    let (definition, problems) = parse(&file, &text);
    cx.reader.extend(problems);
    let root = tree::parse(&file.as_str().into(), &text).ok();
    let name = root.and_then(|root| match &root.get("adapter")?.content {
        Content::Scalar(name) => Some(name.value.clone()),
        _ => None,
    });
    Ok((name, definition))
}

/// Reads a definition; with it comes all that is wrong with it.
pub fn parse(file: &str, text: &str) -> (Option<Definition>, Problems) {
    let file: Arc<str> = file.into();
    let root = match tree::parse(&file, text) {
        Ok(root) => root,
        Err(problem) => return (None, Problems::from(*problem)),
    };
    let reader = Reader::new(&file, hidden::mask_tree(text, &root));
    let definition = RawDefinition::read(&root, &reader).and_then(|raw| definition(raw, &reader));
    let definition = definition.filter(|_| reader.errors() == 0);
    (definition, reader.into_problems())
}

fn definition(raw: RawDefinition, reader: &Reader) -> Option<Definition> {
    let at = raw.at.clone();
    let name = reader.required(raw.adapter, &at, "adapter", "a definition");
    let mut places = BTreeMap::new();
    let mut operations = BTreeMap::new();
    for (key, steps) in reader.required(raw.operations, &at, "operations", "a definition")?.0 {
        let Some(operation) = OperationName::ALL.into_iter().find(|name| name.as_str() == key.value) else {
            let known = OperationName::ALL.map(OperationName::as_str);
            let what = format!("there is no operation `{}`", key.value);
            reader.error(&key.at, Wrong { what, hint: suggest::hint(&key.value, known) });
            continue;
        };
        places.insert(operation, (key.at, steps.0.iter().map(|step| step.at.clone()).collect::<Vec<_>>()));
        let steps: Vec<Step> = steps.0.into_iter().filter_map(|raw| step(raw, reader)).collect();
        operations.insert(operation, Operation { steps });
    }
    let definition = Definition {
        name: name?.value,
        about: raw.about.map(|about| about.value).unwrap_or_default(),
        lost_answer: raw.lost_answer.map_or(LostAnswer::Visible, |word| match word.value {
            LostAnswerWord::Impossible => LostAnswer::Impossible,
            LostAnswerWord::Adopted => LostAnswer::Adopted,
            LostAnswerWord::Visible => LostAnswer::Visible,
        }),
        settings: settings(raw.settings, reader),
        maps: maps(raw.maps),
        headers: texts(raw.headers, reader),
        rate: raw.rate.and_then(|raw| rate(raw, reader)),
        most_bytes: usize::try_from(raw.most_bytes.map_or(MOST_BYTES, |bytes| bytes.value.0))
            .unwrap_or(usize::MAX),
        operations,
    };
    let audiences = [Audience::Customers, Audience::Responders];
    let served: Vec<Audience> =
        audiences.into_iter().filter(|audience| definition.serves(*audience)).collect();
    // An operation that is misspelt is told already.
    if served.is_empty() && reader.errors() == 0 {
        reader.error(
            &at,
            Wrong::new("a definition needs the operation `open` (for customers) or `page` (for responders)"),
        );
    }
    if reader.errors() == 0 {
        for audience in served {
            try_out(&definition, audience, &places, reader);
        }
    }
    Some(definition)
}

type Places = BTreeMap<OperationName, (Where, Vec<Where>)>;

/// Tries it on every kind of message, with settings that are there but say nothing.
fn try_out(definition: &Definition, audience: Audience, places: &Places, reader: &Reader) {
    let value = |setting: &Setting| {
        let given = setting.required.then(|| Json::String("x".to_owned()));
        SettingValue::Plain(setting.default.clone().or(given).unwrap_or_default())
    };
    let crm = ComponentId::new("crm").expect("a fixed text that is an id");
    let settings = HttpSettings {
        definition: Arc::new(definition.clone()),
        values: definition.settings.iter().map(|(name, setting)| (name.clone(), value(setting))).collect(),
        components: [(crm, "crm-there".to_owned())].into(),
        timeout: super::sinks::TIMEOUT,
        rate: None,
    };
    for problem in rehearse(&settings, audience) {
        let Some((key, steps)) = places.get(&problem.operation) else { continue };
        let at = problem.step.checked_sub(1).and_then(|step| steps.get(step)).unwrap_or(key);
        let what = format!("the operation `{}` does not work: {}", problem.operation.as_str(), problem.why);
        reader.error(at, Wrong::new(what).hint("docs/adapters.md lists what a template may name"));
    }
}

fn settings(raw: Option<Entries<RawSettingOf>>, reader: &Reader) -> BTreeMap<String, Setting> {
    let entries = raw.map(|raw| raw.0).unwrap_or_default().into_iter();
    let yes = |word: Option<At<bool>>| word.is_some_and(|word| word.value);
    let setting = |(name, raw): (At<String>, RawSettingOf)| {
        let default = raw.default.map(|tree| fixed(&tree.0));
        let setting = Setting {
            about: raw.about.map(|about| about.value).unwrap_or_default(),
            required: yes(raw.required),
            secret: yes(raw.secret),
            default,
        };
        if setting.secret && setting.default.is_some() {
            reader.error(&raw.at, format!("the secret `{}` cannot have a default", name.value));
        }
        (name.value, setting)
    };
    entries.map(setting).collect()
}

fn maps(raw: Option<Entries<Entries<RawTree>>>) -> BTreeMap<String, BTreeMap<String, Json>> {
    let entries = raw.map(|raw| raw.0).unwrap_or_default().into_iter();
    let words = |words: Entries<RawTree>| {
        let word = |(word, tree): (At<String>, RawTree)| (word.value, fixed(&tree.0));
        words.0.into_iter().map(word).collect()
    };
    entries.map(|(name, map)| (name.value, words(map))).collect()
}

pub(super) fn rate(raw: RawRate, reader: &Reader) -> Option<Rate> {
    let requests = reader.required(raw.requests, &raw.at, "requests", "a rate")?;
    let per = reader.required(raw.per, &raw.at, "per", "a rate")?;
    let Ok(count @ 1..) = u32::try_from(requests.value.0) else {
        reader.error(&requests.at, "a rate allows at least one request");
        return None;
    };
    if per.value.0.is_zero() {
        reader.error(&per.at, "`per` must be longer than 0s");
        return None;
    }
    Some(Rate { requests: count, per: per.value.0 })
}

fn step(raw: RawRequest, reader: &Reader) -> Option<Step> {
    let at = raw.at.clone();
    let body = body(raw.json, raw.form, raw.text, reader);
    let adopts = raw.adopts.and_then(|adopts| template(&adopts, reader));
    let done_if = raw.done_if.and_then(|done| condition(&done, reader));
    if let (Some(_), None) = (&adopts, &done_if) {
        reader.error(&at, "`adopts` is what is there already is called: it needs `done_if`");
    }
    let verdicts = Verdicts {
        success: statuses(raw.success, reader),
        retry: statuses(raw.retry, reader),
        give_up: statuses(raw.give_up, reader),
        ok_if: raw.ok_if.and_then(|ok| condition(&ok, reader)),
        retry_if: raw.retry_if.and_then(|retry| condition(&retry, reader)),
        why: raw.why.and_then(|why| template(&why, reader)),
        wait: raw.wait.and_then(|wait| template(&wait, reader)),
    };
    let capture = raw.capture.map(|capture| capture.0).unwrap_or_default().into_iter();
    let capture =
        capture.filter_map(|(name, value)| Some((template(&name, reader)?, template(&value, reader)?)));
    let method = raw.method.map_or("POST".to_owned(), |method| {
        if method.value.is_empty() || !method.value.bytes().all(|b| b.is_ascii_uppercase()) {
            reader.error(&method.at, format!("`{}` is no method such as `POST`", method.value));
        }
        method.value
    });
    Some(Step {
        when: raw.when.and_then(|when| condition(&when, reader)),
        each: raw.each.and_then(|each| condition(&each, reader)),
        method,
        url: template(&reader.required(raw.url, &at, "url", "a step")?, reader)?,
        headers: texts(raw.headers, reader),
        body,
        verdicts,
        find: raw.find.and_then(|raw| find(raw, reader)),
        capture: capture.collect(),
        done_if: done_if.map(|condition| (condition, adopts)),
        stand_down: raw.stand_down.and_then(|raw| stand_down(raw, reader)),
        optional: raw.optional.is_some_and(|optional| optional.value),
    })
}

fn body(json: Option<RawTree>, form: Option<RawTree>, text: Option<At<String>>, reader: &Reader) -> Body {
    let given = [json.is_some(), form.is_some(), text.is_some()];
    if 1 < given.into_iter().filter(|given| *given).count()
        && let Some(at) = json.as_ref().or(form.as_ref()).map(RawTree::at)
    {
        reader.error(at, "a step has one body: `json`, `form` or `text`");
    }
    let tree = |raw: RawTree| body_tree(&raw.0, reader);
    match (json, form, text) {
        (Some(json), ..) => tree(json).map_or(Body::None, Body::Json),
        (_, Some(form), _) => tree(form).map_or(Body::None, Body::Form),
        (.., Some(text)) => template(&text, reader).map_or(Body::None, Body::Text),
        _ => Body::None,
    }
}

fn find(raw: RawFind, reader: &Reader) -> Option<Find> {
    let among = reader.required(raw.among, &raw.at, "among", "`find`")?;
    let matching = reader.required(raw.matching, &raw.at, "matching", "`find`")?;
    Some(Find { among: condition(&among, reader)?, matching: condition(&matching, reader)? })
}

fn stand_down(raw: RawStandDown, reader: &Reader) -> Option<StandDown> {
    let when = reader.required(raw.when, &raw.at, "when", "`stand_down`")?;
    let what = reader.required(raw.what, &raw.at, "what", "`stand_down`")?;
    Some(StandDown { when: condition(&when, reader)?, what: template(&what, reader)? })
}

fn statuses(raw: Option<OneOrMany<At<crate::config::raw::Count>>>, reader: &Reader) -> Vec<u16> {
    let known = |status: At<crate::config::raw::Count>| match u16::try_from(status.value.0) {
        Ok(code @ 100..=599) => Some(code),
        _ => {
            reader.error(&status.at, format!("`{}` is no status of HTTP", status.value.0));
            None
        }
    };
    raw.map(|raw| raw.0).unwrap_or_default().into_iter().filter_map(known).collect()
}

fn texts(raw: Option<Entries<At<String>>>, reader: &Reader) -> Vec<(String, Template)> {
    let entries = raw.map(|raw| raw.0).unwrap_or_default().into_iter();
    entries.filter_map(|(name, text)| Some((name.value, template(&text, reader)?))).collect()
}

fn template(text: &At<String>, reader: &Reader) -> Option<Template> {
    noted(Template::new(&text.value), &text.at, reader)
}

fn condition(text: &At<String>, reader: &Reader) -> Option<Condition> {
    noted(Condition::new(&text.value), &text.at, reader)
}

fn noted<T>(made: Result<T, String>, at: &Where, reader: &Reader) -> Option<T> {
    made.map_err(|why| reader.error(at, format!("this is no template: {why}"))).ok()
}

/// A value without templates.
fn fixed(node: &Node) -> Json {
    match &node.content {
        Content::Null => Json::Null,
        Content::Scalar(scalar) => typed(scalar),
        Content::List(items) => Json::Array(items.iter().map(fixed).collect()),
        Content::Map(entries) => {
            let entry = |(key, value): &(tree::Scalar, Node)| (key.value.clone(), fixed(value));
            Json::Object(entries.iter().map(entry).collect())
        }
    }
}

/// `5` and `true` without quotes are a number and a boolean, as JSON has them.
fn typed(scalar: &tree::Scalar) -> Json {
    let json = scalar.typed.then(|| serde_json::from_str(&scalar.value).ok()).flatten();
    json.unwrap_or_else(|| Json::String(scalar.value.clone()))
}

/// A setting's value as JSON.
pub(super) fn plain(tree: &RawTree) -> Json {
    fixed(&tree.0)
}

fn body_tree(node: &Node, reader: &Reader) -> Option<Tree> {
    Some(match &node.content {
        Content::Null => Tree::Fixed(Json::Null),
        Content::Scalar(scalar) if scalar.typed => Tree::Fixed(typed(scalar)),
        Content::Scalar(scalar) if !scalar.value.contains("{{") && !scalar.value.contains("{%") => {
            Tree::Fixed(Json::String(scalar.value.clone()))
        }
        Content::Scalar(scalar) => Tree::Value(noted(Template::new(&scalar.value), &node.at, reader)?),
        Content::List(items) => Tree::List(items.iter().filter_map(|item| body_tree(item, reader)).collect()),
        Content::Map(entries) if entries.iter().any(|(key, _)| key.value.starts_with('$')) => {
            special_tree(node, entries, reader)?
        }
        Content::Map(entries) => {
            let entry =
                |(key, value): &(tree::Scalar, Node)| Some((key.value.clone(), body_tree(value, reader)?));
            Tree::Map(entries.iter().filter_map(entry).collect())
        }
    })
}

/// `{$each: LIST, $key: KEY, $value: TREE}` and `{$if: CONDITION, $then: TREE}`.
fn special_tree(node: &Node, entries: &[(tree::Scalar, Node)], reader: &Reader) -> Option<Tree> {
    let known = ["$each", "$key", "$value", "$if", "$then"];
    for (key, _) in entries {
        if !known.contains(&key.value.as_str()) {
            reader.unknown_key(key, "this", &known);
        }
    }
    let text = |key: &str| node.get(key).and_then(|node| At::<String>::read(node, reader));
    let tree = |key: &'static str| match node.get(key) {
        Some(node) => body_tree(node, reader).map(Box::new),
        None => {
            reader.error(&node.at, format!("this needs `{key}`"));
            None
        }
    };
    if let Some(items) = text("$each") {
        let key = text("$key").and_then(|key| template(&key, reader));
        return Some(Tree::Each { items: condition(&items, reader)?, key, value: tree("$value")? });
    }
    match text("$if") {
        Some(holds) => Some(Tree::If { condition: condition(&holds, reader)?, then: tree("$then")? }),
        None => {
            // A key that is misspelt is told already.
            if entries.iter().all(|(key, _)| known.contains(&key.value.as_str())) {
                reader.error(&node.at, "this needs `$each` or `$if`");
            }
            None
        }
    }
}
