//! Go templates, as Prometheus's rule files use them in labels and annotations.
//!
//! In:   a template's text at load; labels, a value, and what can be asked at evaluation.
//! Out:  a checked template, or what is wrong and where; the rendered text.
//! Not:  no clock: `now` is the instant of the evaluation.
//!
//! A template is text with `{{ … }}` in it: a pipeline of values and functions, each fed to the next, or a word that
//! decides what follows. `lexer` cuts it, `parser` makes a tree of it, `run` goes through that.

mod functions;
mod go_format;
mod humanize;
mod lexer;
mod moments;
mod parser;
mod run;
mod tree;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Span, Timestamp};
use crate::promql::{self, Expr, Source};

use functions::Function;
use go_format::GoValue;
use parser::Parsed;
use tree::{Node, Operand, Pipeline};

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

/// A checked template. Clones share it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template(Arc<Parsed>);

/// What a template may speak of.
#[derive(Clone, Copy)]
pub(super) struct TemplateData<'a> {
    /// The labels of the result, `__name__` among them.
    pub(super) labels: &'a Labels,
    /// `global.external_labels`
    pub(super) external_labels: &'a Labels,
    /// `server.external_url`
    pub(super) external_url: &'a str,
    /// The value of the result.
    pub(super) value: f64,
    /// What `query` asks; `None` where there is nothing to ask.
    pub(super) source: Option<&'a dyn Source>,
    /// The instant of the evaluation.
    pub(super) at: Timestamp,
    /// How far apart the instants of a subquery are that does not say so.
    pub(super) subquery_step: Duration,
}

impl Template {
    /// Checks a template.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        parser::parse(text).map(|parsed| Self(Arc::new(parsed)))
    }

    /// A text as it is, whatever it holds.
    pub(super) fn plain(text: &str) -> Self {
        Self(Arc::new(Parsed { root: vec![Node::Text(text.to_owned())], defined: BTreeMap::new() }))
    }

    /// The text alone, without its actions.
    pub(super) fn plain_text(&self) -> String {
        let texts = self.0.root.iter().map(|node| match node {
            Node::Text(text) => text.as_str(),
            _ => "",
        });
        texts.collect()
    }

    /// What it asks in so many words. A query that is put together as it runs is not among them.
    pub(super) fn queries(&self) -> Vec<Expr> {
        let mut texts: Vec<String> = Vec::new();
        let mut visit = |pipeline: &Pipeline| texts.extend(asked(pipeline));
        tree::pipelines(&self.0.root, &mut visit);
        self.0.defined.values().for_each(|block| tree::pipelines(block, &mut visit));
        texts.iter().filter_map(|text| promql::parse(text).ok()).collect()
    }

    /// The text for `data`. What cannot be said is said in its place, as Prometheus does it.
    pub(super) fn render(&self, data: &TemplateData<'_>) -> String {
        run::run(&self.0.root, &self.0.defined, data)
            .unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

/// The texts that a pipeline hands to `query`: `query "up"`, `"up" | query`.
fn asked(pipeline: &Pipeline) -> Vec<String> {
    let mut texts = Vec::new();
    let mut before = None;
    for command in &pipeline.commands {
        let argument = match command.arguments.as_slice() {
            [] => before,
            [argument] => Some(argument),
            _ => None,
        };
        if let (Operand::Function(Function::Query), Some(Operand::Literal(GoValue::Text(text)))) =
            (&command.first, argument)
        {
            texts.push(text.clone());
        }
        before = command.arguments.is_empty().then_some(&command.first);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Loaded;

    fn data<'a>(labels: &'a Labels, external_labels: &'a Labels, value: f64) -> TemplateData<'a> {
        let subquery_step = Duration::from_secs(60);
        let (at, source) = (Timestamp::from_secs(60), None);
        TemplateData { labels, external_labels, external_url: "", value, source, at, subquery_step }
    }

    fn render(template: &str) -> String {
        let labels = [("instance", "db:9100"), ("job", "node")].into_iter().collect();
        let external_labels = [("region", "sa-east-1")].into_iter().collect();
        let world = Loaded::from_text(
            "up{job=\"b\"} 1\nup{job=\"a\"} 0\ndepth{q=\"x\", __value__=\"v\"} 7",
            Duration::from_secs(60),
        );
        let world = world.expect("series");
        let data = TemplateData {
            external_url: "https://fog.example/base/",
            source: Some(&world),
            ..data(&labels, &external_labels, 1_234.5)
        };
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
            let data = data(&none, &none, value);
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
    fn control_flow_goes_as_in_go() {
        for (template, expected) in [
            ("{{ if $labels.job }}y{{ else }}n{{ end }}", "y"),
            ("{{ if $labels.absent }}y{{ else if eq $labels.job \"node\" }}node{{ else }}n{{ end }}", "node"),
            ("{{ if gt $value 1000.0 }}high{{ end }}", "high"),
            (
                "{{ if gt $value 1000 }}high{{ end }}",
                "<error expanding template: incompatible types for comparison>",
            ),
            ("{{ with $labels.job }}<{{ . }}>{{ end }}", "<node>"),
            ("{{ with $x := $labels.absent }}{{ $x }}{{ else }}none{{ end }}", "none"),
            ("{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}", "instance=db:9100;job=node;"),
            ("{{ range $externalLabels }}{{ . }}{{ end }}", "sa-east-1"),
            ("{{ range 3 }}{{ . }}{{ end }}", "012"),
            (
                "{{ range 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}",
                "02",
            ),
            ("{{ range query \"nothing\" }}x{{ else }}none{{ end }}", "none"),
            ("{{ $x := 1 }}{{ $x = 2 }}{{ $x }}", "2"),
            ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
            ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
            ("{{ define \"a\" }}[{{ . }}]{{ end }}{{ template \"a\" $labels.job }}", "[node]"),
            ("{{ define \"a\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"a\" (args 1 \"b\") }}", "1-b"),
            ("{{ define \"a\" }}{{ . }}!{{ end }}{{ tmpl \"a\" $value | toUpper }}", "1234.5!"),
            ("{{ block \"a\" .Value }}{{ . }}{{ end }}", "1234.5"),
            ("{{ template \"none\" }}", "<error expanding template: template `none` is not defined>"),
            (
                "{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}",
                "<error expanding template: templates call each other too deep>",
            ),
            ("{{ range 1000000 }}{{ end }}", "<error expanding template: it does not come to an end>"),
            ("{{ and 1 0 2 }} {{ or 0 \"\" 3 }} {{ not true }}", "0 3 false"),
        ] {
            assert_eq!(render(template), expected, "{template}");
        }
    }

    #[test]
    fn functions_give_what_prometheus_gives() {
        for (template, expected) in [
            (
                "{{ range query \"up\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ .Value }} {{ end }}",
                "a=0 b=1 ",
            ),
            ("{{ with query \"depth\" }}{{ . | first | value | humanize }}{{ end }}", "7"),
            ("{{ query \"depth\" | first | label \"q\" }}", "x"),
            ("{{ query \"depth\" | first | strvalue }}", "v"),
            ("{{ printf \"depth{q='%s'}\" \"x\" | query | first | value }}", "7"),
            ("{{ query \"1\" | first }}", "{map[] 1}"),
            (
                "{{ query \"nothing\" | first }}",
                "<error expanding template: first() called on vector with no elements>",
            ),
            ("{{ len (query \"up\") }}{{ len \"abc\" }}", "23"),
            ("{{ index (query \"up\" | sortByLabel \"job\") 1 | value }}", "1"),
            ("{{ reReplaceAll \"(.*):\\\\d+\" \"$1\" $labels.instance }}", "db"),
            ("{{ match \"d.\" $labels.instance }}", "true"),
            ("{{ title \"a bad day\" }}|{{ toUpper \"x\" }}|{{ toLower \"X\" }}", "A Bad Day|X|x"),
            ("{{ stripPort \"a.b:1\" }} {{ stripPort \"a\" }} {{ stripPort \"[::1]:2\" }}", "a.b a ::1"),
            ("{{ stripDomain \"a.b.c:1\" }} {{ stripDomain \"10.0.0.1:1\" }}", "a:1 10.0.0.1:1"),
            ("{{ graphLink \"a b{}\" }}", "/graph?g0.expr=a+b%7B%7D&g0.tab=0"),
            ("{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"),
            (
                "{{ externalURL }} {{ pathPrefix }} {{ $externalURL }} {{ .ExternalURL }}",
                "https://fog.example/base/ /base/ https://fog.example/base/ https://fog.example/base/",
            ),
            ("{{ now }} {{ parseDuration \"1h\" }}", "60 3600"),
            ("{{ urlQueryEscape \"a b&c\" }} {{ html \"<a>\" }}", "a+b%26c &lt;a&gt;"),
            ("{{ 1435065584.128 | toTime }}", "2015-06-23 13:19:44.128 +0000 UTC"),
            ("{{ (0.0 | toTime).Year }} {{ (0.0 | toTime).Format \"2006\" }}", "1970 1970"),
            ("{{ 90.0 | toDuration }}", "1m30s"),
            ("{{ print 1 2 \"a\" }}{{ println 1 }}", "1 2a1\n"),
            ("{{ slice \"abcd\" 1 3 }}{{ safeHtml \"<\" }}", "bc<"),
            ("{{ printf \"%c %U %#x %#v\" 65 65 255 \"a\" }}", "A U+0041 0xff \"a\""),
            ("{{ printf \"%y\" 1 }}", "%!y(int=1)"),
        ] {
            assert_eq!(render(template), expected, "{template}");
        }
    }

    #[test]
    fn what_is_asked_in_so_many_words_is_known_before() {
        let queries = |text: &str| {
            let template = Template::parse(text).expect(text);
            template.queries().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            queries("{{ with query \"up\" }}{{ range query `a > 1` }}{{ end }}{{ end }}"),
            ["up", "a > 1"]
        );
        assert_eq!(
            queries("{{ \"up\" | query | first | value }}{{ (query \"b\" | first).Value }}"),
            ["up", "b"]
        );
        assert_eq!(queries("{{ printf \"up{a='%s'}\" \"x\" | query }}{{ query \"(\" }}"), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (template, marked, named) in [
            ("a {{ $label.x }}", "$label.x", "undefined variable `$label`"),
            ("{{ range $labels }}x", "range", "`range` is never ended"),
            ("{{ if true }}", "if", "`if` is never ended"),
            ("{{ if true }}{{ else }}", "else", "`else` is never ended"),
            ("{{ if true }}{{ else }}{{ else }}{{ end }}", "else", "there is an `else` already"),
            ("a{{ end }}", "end", "this ends nothing"),
            ("{{ end 1 }}", "1", "nothing belongs here behind `end`"),
            ("{{ if }}{{ end }}", "", "missing"),
            ("{{ break }}", "break", "outside of `range`"),
            ("{{ if true }}{{ define \"a\" }}{{ end }}{{ end }}", "define", "can't stand within"),
            ("{{ define \"a\" }}{{ $labels }}{{ end }}", "$labels", "undefined variable `$labels`"),
            ("{{ template }}", "template", "a name in quotes"),
            ("{{ range $i, $x = $labels }}{{ end }}", "$i", "undefined variable `$i`"),
            ("{{ if $i, $x := $labels }}{{ end }}", ",", "only `range`"),
            ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "$x", "undefined variable `$x`"),
            ("{{ humanize := 1 }}", ":=", "only a variable"),
            ("{{ nil }}", "nil", "`nil` is not a value"),
            ("{{ js 1 }}", "js", "not supported"),
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
            ("{{ printf \"%*d\" 1 }}", "\"%*d\"", "`*`"),
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
                template.render(&data(&labels, &labels, 1.5));
            }
        }
    }
}
