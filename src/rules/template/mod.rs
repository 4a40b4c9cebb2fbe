//! Go templates, as Prometheus's rule files use them in labels and annotations.
//!
//! In:   a template's text at load; labels and a value at evaluation.
//! Out:  a checked template, or what is wrong and where; the rendered text.
//! Not:  no control flow and no queries yet: each is an error at load that names it.
//!
//! A template is text with `{{ … }}` in it: a pipeline of values and functions, each fed to the next.

mod go_format;
mod humanize;
mod lexer;

use crate::model::{Labels, Span, suggest};

use go_format::GoValue;
use lexer::{Token, Word};

/// What is wrong in a template, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateError {
    pub(super) span: Span,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl TemplateError {
    fn new(span: Span, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A checked template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

/// What a template may speak of.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateData<'a> {
    /// The labels of the result, `__name__` among them.
    pub(super) labels: &'a Labels,
    /// `global.external_labels`
    pub(super) external_labels: &'a Labels,
    /// The value of the result.
    pub(super) value: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Action(Pipeline),
}

/// Commands, each fed to the next as its last argument.
type Pipeline = Vec<Command>;

/// A function with its arguments, or one value.
#[derive(Debug, Clone, PartialEq)]
struct Command {
    first: Operand,
    arguments: Vec<Operand>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Literal(GoValue),
    /// `.`, `$`, `$labels`, … and the fields behind it.
    Path(Root, Vec<String>),
    Function(Function),
    /// `( … )` and the fields behind it.
    Group(Pipeline, Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    Data,
    Labels,
    ExternalLabels,
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Printf,
    Index,
    Humanize,
    Humanize1024,
    HumanizeDuration,
    HumanizePercentage,
    HumanizeTimestamp,
}

const FUNCTIONS: [(&str, Function); 7] = [
    ("printf", Function::Printf),
    ("index", Function::Index),
    ("humanize", Function::Humanize),
    ("humanize1024", Function::Humanize1024),
    ("humanizeDuration", Function::HumanizeDuration),
    ("humanizePercentage", Function::HumanizePercentage),
    ("humanizeTimestamp", Function::HumanizeTimestamp),
];

/// Words of Go's templates and functions of Prometheus's that we know of and do not do yet.
const NOT_YET: [&str; 50] = [
    "range",
    "if",
    "else",
    "end",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "and",
    "or",
    "not",
    "len",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "html",
    "js",
    "call",
    "slice",
    "print",
    "println",
    "urlquery",
    "query",
    "first",
    "value",
    "label",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
];

/// `( … )` may be nested this deep.
const DEPTH_MAX: usize = 50;

impl Template {
    /// Checks a template.
    ///
    /// # Errors
    /// The first thing that is wrong or not supported yet.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        for piece in lexer::split(text)? {
            match piece {
                lexer::Piece::Text(text) if text.is_empty() => {}
                lexer::Piece::Text(text) => pieces.push(Piece::Text(text)),
                lexer::Piece::Action(span) => {
                    let tokens = lexer::tokens(text, span)?;
                    let mut parser = Parser { tokens: &tokens, at: 0, end: span.end, depth: 0 };
                    let pipeline = parser.pipeline()?;
                    if let Some(token) = parser.peek() {
                        return Err(TemplateError::new(token.span, "unexpected `)`"));
                    }
                    pieces.push(Piece::Action(pipeline));
                }
            }
        }
        Ok(Self { pieces })
    }

    /// A text as it is, whatever it holds.
    pub(super) fn plain(text: &str) -> Self {
        Self { pieces: vec![Piece::Text(text.to_owned())] }
    }

    /// The text alone, without its actions.
    pub(super) fn plain_text(&self) -> String {
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Action(_) => "",
        });
        texts.collect()
    }

    /// The text for `data`. What cannot be said is said in its place, as Prometheus does it.
    pub(super) fn render(&self, data: &TemplateData<'_>) -> String {
        self.try_render(data).unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }

    fn try_render(&self, data: &TemplateData<'_>) -> Result<String, String> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Action(pipeline) => match run(pipeline, data)? {
                    GoValue::Nil => out.push_str("<no value>"),
                    value => out.push_str(&value.show()),
                },
            }
        }
        Ok(out)
    }
}

fn run(pipeline: &[Command], data: &TemplateData<'_>) -> Result<GoValue, String> {
    let mut piped = None;
    for command in pipeline {
        let mut arguments =
            command.arguments.iter().map(|word| evaluate(word, data)).collect::<Result<Vec<_>, _>>()?;
        piped = Some(match command.first {
            Operand::Function(function) => {
                arguments.extend(piped);
                call(function, &arguments)?
            }
            // The parser lets arguments stand behind functions only.
            ref value => evaluate(value, data)?,
        });
    }
    Ok(piped.unwrap_or(GoValue::Nil))
}

fn evaluate(operand: &Operand, data: &TemplateData<'_>) -> Result<GoValue, String> {
    match operand {
        Operand::Literal(value) => Ok(value.clone()),
        Operand::Function(function) => call(*function, &[]),
        Operand::Group(pipeline, fields) => fields_of(run(pipeline, data)?, fields),
        Operand::Path(root, fields) => match (root, fields.as_slice()) {
            (Root::Labels, fields) => fields_of(GoValue::Map(data.labels.clone()), fields),
            (Root::ExternalLabels, fields) => fields_of(GoValue::Map(data.external_labels.clone()), fields),
            (Root::Value, fields) => fields_of(GoValue::Float(data.value), fields),
            (Root::Data, [field, rest @ ..]) => match field.as_str() {
                "Labels" => fields_of(GoValue::Map(data.labels.clone()), rest),
                "ExternalLabels" => fields_of(GoValue::Map(data.external_labels.clone()), rest),
                "Value" => fields_of(GoValue::Float(data.value), rest),
                other => {
                    Err(format!("can't evaluate field {other}: there are Labels, ExternalLabels and Value"))
                }
            },
            (Root::Data, []) => {
                Err("can't print all data at once: there are Labels, ExternalLabels and Value".into())
            }
        },
    }
}

/// A label that is not there is an empty text, as Prometheus sets `missingkey=zero`.
fn fields_of(mut value: GoValue, fields: &[String]) -> Result<GoValue, String> {
    for field in fields {
        value = match value {
            GoValue::Map(labels) => GoValue::Text(labels.get(field).unwrap_or_default().to_owned()),
            other => return Err(format!("can't evaluate field {field} in type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn call(function: Function, arguments: &[GoValue]) -> Result<GoValue, String> {
    let one = |apply: fn(&GoValue) -> Result<String, String>| match arguments {
        [value] => apply(value).map(GoValue::Text),
        other => Err(format!("wrong number of args: want 1 got {}", other.len())),
    };
    match function {
        Function::Printf => match arguments {
            [GoValue::Text(format), rest @ ..] => go_format::printf(format, rest).map(GoValue::Text),
            [other, ..] => Err(format!("printf wants a format, not {}", other.type_name())),
            [] => Err("wrong number of args for printf: want at least 1 got 0".to_owned()),
        },
        Function::Index => match arguments {
            [GoValue::Map(labels), GoValue::Text(name)] => {
                Ok(GoValue::Text(labels.get(name).unwrap_or_default().to_owned()))
            }
            [value] => Ok(value.clone()),
            [] => Err("wrong number of args for index: want at least 1 got 0".to_owned()),
            [value, ..] => Err(format!("can't index item of type {}", value.type_name())),
        },
        Function::Humanize => one(humanize::humanize),
        Function::Humanize1024 => one(humanize::humanize_1024),
        Function::HumanizeDuration => one(humanize::humanize_duration),
        Function::HumanizePercentage => one(humanize::humanize_percentage),
        Function::HumanizeTimestamp => one(humanize::humanize_timestamp),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn here(&self) -> Span {
        self.peek().map_or(Span::new(self.end, self.end), |token| token.span)
    }

    /// Commands with `|` between them, up to a `)` or the end.
    fn pipeline(&mut self) -> Result<Pipeline, TemplateError> {
        let mut commands = Vec::new();
        loop {
            let place = self.here();
            let command = self.command()?;
            if !commands.is_empty() && !matches!(command.first, Operand::Function(_)) {
                return Err(TemplateError::new(place, "only a function can take what is piped to it"));
            }
            commands.push(command);
            match self.peek() {
                Some(Token { word: Word::Pipe, .. }) => self.at += 1,
                _ => return Ok(commands),
            }
        }
    }

    fn command(&mut self) -> Result<Command, TemplateError> {
        let place = self.here();
        let Some(first) = self.operand()? else {
            return Err(TemplateError::new(place, "a value is missing here"));
        };
        let mut arguments = Vec::new();
        loop {
            let place = self.here();
            let Some(argument) = self.operand()? else { break };
            if !matches!(first, Operand::Function(_)) {
                return Err(TemplateError::new(place, "only a function can have arguments"));
            }
            if let (Operand::Function(Function::Printf), [], Operand::Literal(GoValue::Text(format))) =
                (&first, arguments.as_slice(), &argument)
            {
                go_format::check_format(format).map_err(|what| TemplateError::new(place, what))?;
            }
            arguments.push(argument);
        }
        Ok(Command { first, arguments })
    }

    /// The next value or function; `None` before `|`, `)` and the end.
    fn operand(&mut self) -> Result<Option<Operand>, TemplateError> {
        let Some(token) = self.peek().cloned() else { return Ok(None) };
        let operand = match token.word {
            Word::Pipe | Word::Close => return Ok(None),
            Word::Literal(value) => Operand::Literal(value),
            Word::Field(fields) => Operand::Path(Root::Data, fields),
            Word::Variable(name, fields) => Operand::Path(variable(&name, token.span)?, fields),
            Word::Name(name) => Operand::Function(function(&name, token.span)?),
            Word::Open => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(TemplateError::new(token.span, "parentheses are nested too deep"));
                }
                self.at += 1;
                let pipeline = self.pipeline()?;
                if self.peek().is_none() {
                    return Err(TemplateError::new(token.span, "`(` is never closed"));
                }
                self.depth -= 1;
                Operand::Group(pipeline, Vec::new())
            }
        };
        self.at += 1;
        // `(…).field`: a field that follows without a blank.
        if let (Operand::Group(pipeline, _), Some(Token { word: Word::Field(fields), span })) =
            (&operand, self.peek())
            && self.tokens[self.at - 1].span.end == span.start
        {
            let group = Operand::Group(pipeline.clone(), fields.clone());
            self.at += 1;
            return Ok(Some(group));
        }
        Ok(Some(operand))
    }
}

fn variable(name: &str, span: Span) -> Result<Root, TemplateError> {
    match name {
        "$" => Ok(Root::Data),
        "$labels" => Ok(Root::Labels),
        "$externalLabels" => Ok(Root::ExternalLabels),
        "$value" => Ok(Root::Value),
        "$externalURL" => Err(TemplateError::new(span, "`$externalURL` in a template is not supported yet")),
        other => {
            let error = TemplateError::new(span, format!("undefined variable `{other}`"));
            let known = ["$labels", "$value", "$externalLabels"];
            let meant = suggest::meant(other, known);
            Err(error.hint(
                meant.unwrap_or_else(|| "there are `$labels`, `$value` and `$externalLabels`".to_owned()),
            ))
        }
    }
}

fn function(name: &str, span: Span) -> Result<Function, TemplateError> {
    if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return Ok(*function);
    }
    if NOT_YET.contains(&name) {
        return Err(TemplateError::new(span, format!("`{name}` in a template is not supported yet")));
    }
    let error = TemplateError::new(span, format!("function `{name}` is not defined"));
    Err(TemplateError { hint: suggest::meant(name, FUNCTIONS.map(|(known, _)| known)), ..error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> String {
        let labels = [("instance", "db:9100"), ("job", "node")].into_iter().collect();
        let external_labels = [("region", "sa-east-1")].into_iter().collect();
        let data = TemplateData { labels: &labels, external_labels: &external_labels, value: 1_234.5 };
        Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error:?}")).render(&data)
    }

    #[test]
    fn a_value_prints_as_gos_v_prints_it() {
        let none = Labels::default();
        for (value, expected) in [
            (97.0, "97"),
            (0.25, "0.25"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1_048_576_000.0, "1.048576e+09"),
            (0.000_012, "1.2e-05"),
            (f64::INFINITY, "+Inf"),
        ] {
            let data = TemplateData { labels: &none, external_labels: &none, value };
            for template in ["{{ $value }}", "{{ .Value }}", "{{ printf \"%v\" $value }}"] {
                let parsed = Template::parse(template).expect("a template");
                assert_eq!(parsed.render(&data), expected, "{template}");
            }
        }
    }

    #[test]
    fn renders_what_prometheus_renders() {
        for (template, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("{{ $labels.instance }}", "db:9100"),
            ("{{$labels.job}}|{{ .Labels.job }}|{{ $.Labels.job }}", "node|node|node"),
            ("<{{ $labels.absent }}>", "<>"),
            ("{{ $labels }}", "map[instance:db:9100 job:node]"),
            ("{{ index $labels \"job\" }}", "node"),
            ("{{ $externalLabels.region }}", "sa-east-1"),
            ("{{ $value }} {{ .Value }}", "1234.5 1234.5"),
            ("{{ $value | humanize }}", "1.234k"),
            ("{{ humanize $value }}", "1.234k"),
            ("{{ printf \"%.2f\" $value }}%", "1234.50%"),
            ("{{ $value | printf \"%.1f\" | printf \"<%s>\" }}", "<1234.5>"),
            ("{{ printf `%s` (humanizeDuration $value) }}", "20m 34s"),
            ("{{ \"3600\" | humanizeDuration }}", "1h 0m 0s"),
            ("{{ ($labels).job }}", "node"),
            ("a {{- /* nothing */ -}} b", "ab"),
            ("a\n  {{- $labels.job -}}\n  b", "anodeb"),
            ("{{ 1 }} {{ -3 }} {{ 1.50 }} {{ true }} {{ 0x10 }} {{ 'a' }}", "1 -3 1.5 true 16 97"),
            ("{{-3}}", "-3"),
            ("{{ \"a\\\"b\\u00fc}}\" }}", "a\"bü}}"),
            ("{{ $labels.job | humanize }}", "<error expanding template: `node` is not a number>"),
        ] {
            assert_eq!(render(template), expected, "{template}");
        }
        assert!(render("{{ $.labels.job }}").starts_with("<error expanding template: can't evaluate field"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (template, marked, named) in [
            ("a {{ $label.x }}", "$label.x", "undefined variable `$label`"),
            ("{{ range $labels }}x", "range", "`range` in a template is not supported yet"),
            ("{{ if true }}", "if", "`if` in a template is not supported yet"),
            ("{{ query \"up\" }}", "query", "`query` in a template is not supported yet"),
            ("{{ humanise $value }}", "humanise", "function `humanise` is not defined"),
            ("{{ $value | 3 }}", "3", "only a function"),
            ("{{ $value 3 }}", "3", "only a function can have arguments"),
            ("{{ (humanize $value }}", "(", "never closed"),
            ("{{ humanize $value) }}", ")", "unexpected `)`"),
            ("x {{ $value", "{{ $value", "never closed"),
            ("x {{ \"abc }}", "\"abc }}", "never closed"),
            ("{{ /* a }}", "/* a }}", "comment"),
            ("{{ }}", "", "missing"),
            ("{{ $value | }}", "", "missing"),
            ("{{ $x := 1 }}", "$x", "variable"),
            ("{{ printf \"%c\" 1 }}", "\"%c\"", "`%c` is not supported yet"),
            ("{{ ^ }}", "^", "unexpected"),
        ] {
            let error = Template::parse(template).expect_err(template);
            assert!(error.what.contains(named), "{template}: {error:?}");
            assert_eq!(&template[error.span.start..error.span.end], marked, "{template}: {error:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_the_parser_down(text in "([{}.$a-z\"'`|()/*:= -]|\\{\\{|\\}\\}|\\$value|printf|ü|\\\\|%|5){0,30}") {
            let labels = Labels::empty();
            if let Ok(template) = Template::parse(&text) {
                template.render(&TemplateData { labels: &labels, external_labels: &labels, value: 1.5 });
            }
        }
    }
}
