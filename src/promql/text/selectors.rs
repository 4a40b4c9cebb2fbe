//! The part of the parser that reads selectors and lists of labels.

use crate::model::{METRIC_NAME, MatchOp, Matcher, Span};
use crate::promql::error::ParseError;
use crate::promql::text::lexer::Kind;
use crate::promql::text::parser::Parser;
use crate::promql::tree::ast::Selector;
use crate::promql::tree::check;
use crate::promql::tree::length::Shift;
use crate::promql::tree::operators::BinaryOp;

impl Parser<'_> {
    /// `{…}`, behind a metric's name where one is given.
    pub(super) fn selector(&mut self, name: Option<(&str, Span)>) -> Result<Selector, ParseError> {
        let start = name.map_or(self.next.span, |(_, span)| span);
        let mut matchers = Vec::new();
        if self.next.kind == Kind::LeftBrace {
            let open = self.take()?.span;
            while self.next.kind != Kind::RightBrace {
                self.matcher(name, &mut matchers)?;
                match self.next.kind {
                    Kind::Comma => drop(self.take()?),
                    Kind::RightBrace => {}
                    Kind::End => return Err(ParseError::new(open, "this `{` is not closed")),
                    _ => return Err(self.unexpected("`,` or `}`")),
                }
            }
            self.take()?;
        }
        if let Some((name, span)) = name {
            matchers.push(matcher(METRIC_NAME, MatchOp::Equal, name, span)?);
        }
        let span = Span::new(start.start, self.last_end);
        matchers.shrink_to_fit();
        let selector = Selector { matchers, shift: Shift::default(), extension: None, span };
        if !self.lenient {
            check::selector(&selector)?;
        }
        Ok(selector)
    }

    /// One condition, or a metric's name in quotes.
    fn matcher(&mut self, name: Option<(&str, Span)>, matchers: &mut Vec<Matcher>) -> Result<(), ParseError> {
        let label = self.next.span;
        let (text, quoted) = match &self.next.kind {
            Kind::Word(word) if !word.contains(':') => (word.clone(), false),
            Kind::Text(text) => (text.clone(), true),
            _ => return Err(self.unexpected("a label name or `}`")),
        };
        self.take()?;
        let op = match self.next.kind {
            Kind::Assign => MatchOp::Equal,
            Kind::Op(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::Regex => MatchOp::Regex,
            Kind::NotRegex => MatchOp::NotRegex,
            Kind::Comma | Kind::RightBrace if quoted => {
                let other = matchers.iter().find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal);
                if let Some(other) = name.map(|(name, _)| name).or(other.map(Matcher::value)) {
                    let what = format!("the metric's name is given twice: `{other}` and `{text}`");
                    return Err(ParseError::new(label, what));
                }
                matchers.push(matcher(METRIC_NAME, MatchOp::Equal, &text, label)?);
                return Ok(());
            }
            _ => return Err(self.unexpected("one of `=`, `!=`, `=~`, `!~`")),
        };
        self.take()?;
        let Kind::Text(value) = &self.next.kind else {
            return Err(self.unexpected("a string").hint("the value of a label stands in quotes"));
        };
        let value = value.clone();
        let span = label.to(self.take()?.span);
        if let Some((name, _)) = name.filter(|_| text == METRIC_NAME) {
            let what = format!("the metric's name is given twice: `{name}` and here");
            return Err(ParseError::new(span, what));
        }
        matchers.push(matcher(&text, op, &value, span)?);
        Ok(())
    }

    /// `(a, "b.c")`, as `by`, `on` and their like take it.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        let open = self.expect(&Kind::LeftParen, "`(` and a list of labels")?.span;
        let mut labels = Vec::new();
        while self.next.kind != Kind::RightParen {
            match &self.next.kind {
                Kind::Word(word) if !word.contains(':') => labels.push(word.clone()),
                Kind::Text(text) if !text.is_empty() => labels.push(text.clone()),
                Kind::End => return Err(ParseError::new(open, "this `(` is not closed")),
                _ => return Err(self.unexpected("a label name or `)`")),
            }
            self.take()?;
            match self.next.kind {
                Kind::Comma => drop(self.take()?),
                Kind::RightParen => {}
                Kind::End => return Err(ParseError::new(open, "this `(` is not closed")),
                _ => return Err(self.unexpected("`,` or `)`")),
            }
        }
        self.take()?;
        Ok(labels)
    }
}

fn matcher(name: &str, op: MatchOp, value: &str, span: Span) -> Result<Matcher, ParseError> {
    if name.is_empty() {
        return Err(ParseError::new(span, "a label name can't be empty"));
    }
    Matcher::new(name, op, value).map_err(|error| {
        let why = error.to_string();
        let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        ParseError::new(span, format!("`{value}` is not a usable regular expression: {last}"))
    })
}
