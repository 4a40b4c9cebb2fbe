//! `incidents.templates`: texts of the user's own, read and tried.
//!
//! In:   the paths of templates.
//! Out:  their texts; an error at the line of the template that fails.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::files::read_text;
use crate::config::raw::{At, RawTemplates};
use crate::incidents::{TemplateKind, Templates, check_template};
use crate::model::{Place, Problem, Problems, Span};

use super::Context;

/// The texts, and the files that they were read from.
pub(super) fn templates(raw: Option<RawTemplates>, cx: &Context<'_>) -> (Templates, Vec<PathBuf>) {
    let mut sources = Vec::new();
    let mut read = |file: Option<At<String>>, kind| {
        let (path, text) = template(&file?, kind, cx)?;
        sources.push(path);
        Some(text)
    };
    let Some(raw) = raw else { return (Templates::default(), sources) };
    let post = read(raw.post, TemplateKind::Post);
    let page = read(raw.page, TemplateKind::Page);
    (Templates { post, page }, sources)
}

fn template(file: &At<String>, kind: TemplateKind, cx: &Context<'_>) -> Option<(PathBuf, Arc<str>)> {
    if file.value.is_empty() {
        cx.error(&file.at, "the path of a template is empty");
        return None;
    }
    let path = cx.path(file);
    let text = match read_text(cx.files, &path, cx.reader.place(&file.at)) {
        Ok(text) => text,
        Err(problem) => {
            cx.reader.extend(Problems::from(*problem));
            return None;
        }
    };
    if let Err((line, what)) = check_template(kind, &text) {
        let name: Arc<str> = path.display().to_string().into();
        let place = match line {
            Some(line) => Place::new(&name, &text, span_of(&text, line)),
            None => Place::whole_file(&name),
        };
        let problem = Problem::error(place, format!("the template does not work: {what}"));
        cx.reader.extend(problem.hint("docs/incidents.md lists what a template may name").into());
    }
    Some((path, text.into()))
}

/// A line of a text, from 1.
fn span_of(text: &str, line: usize) -> Span {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = text[before..].lines().next().map_or(0, str::len);
    Span::new(before, before + length)
}
