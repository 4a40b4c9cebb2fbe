//! The part of the parser that reads selectors, what may follow them, and lists of labels.

use std::time::Duration;

use crate::model::{METRIC_NAME, MatchOp, Matcher, Span};
use crate::promql::ast::{BinaryOp, Expr, RangeSelector, Selector};
use crate::promql::check;
use crate::promql::error::ParseError;
use crate::promql::lexer::Kind;
use crate::promql::parser::{Parser, Tree};

/// The longest offset and range: a thousand years.
const STRETCH_MAX: Duration = Duration::from_secs(1000 * 365 * 86_400);

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
        let selector = Selector { matchers, offset_ms: 0, span: Span::new(start.start, self.last_end) };
        check::selector(&selector)?;
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

    /// `[5m]`, `offset 5m` and what else may stand behind an expression.
    pub(super) fn suffixes(&mut self, mut tree: Tree) -> Result<Tree, ParseError> {
        let mut offset_given = false;
        loop {
            let span = self.next.span;
            if self.next.kind == Kind::LeftBracket {
                tree = self.range(tree, offset_given)?;
            } else if self.at_word("offset") {
                self.take()?;
                let offset_ms = self.offset()?;
                if offset_given {
                    return Err(ParseError::new(span, "the offset is given twice"));
                }
                offset_given = true;
                let end = self.last_end;
                let (selector, whole) = match &mut tree.expr {
                    Expr::Selector(selector) => (selector, None),
                    Expr::Range(range) => (&mut range.selector, Some(&mut range.span)),
                    _ => {
                        return Err(ParseError::new(span, "`offset` belongs directly behind a selector")
                            .hint("write it within the parentheses, as in `sum(up offset 5m)`"));
                    }
                };
                selector.offset_ms = offset_ms;
                match whole {
                    Some(whole) => whole.end = end,
                    None => selector.span.end = end,
                }
            } else if self.next.kind == Kind::At {
                return Err(ParseError::unsupported(span, "the modifier `@` is"));
            } else if let Some(word) = ["anchored", "smoothed"].into_iter().find(|word| self.at_word(word)) {
                return Err(ParseError::unsupported(span, &format!("the modifier `{word}` is")));
            } else {
                return Ok(tree);
            }
        }
    }

    fn range(&mut self, tree: Tree, offset_given: bool) -> Result<Tree, ParseError> {
        let open = self.take()?.span;
        let range = self.stretch("a duration such as `5m`")?;
        match self.next.kind {
            Kind::RightBracket => {}
            Kind::Colon => {
                return Err(ParseError::unsupported(
                    open.to(self.next.span),
                    "subqueries such as `x[1h:5m]` are",
                ));
            }
            Kind::Op(_) => {
                return Err(ParseError::unsupported(self.next.span, "arithmetic with durations is"));
            }
            _ => return Err(self.unexpected("`]`")),
        }
        let span = open.to(self.take()?.span);
        let Expr::Selector(selector) = tree.expr else {
            return Err(ParseError::new(span, "a range belongs directly behind a selector")
                .hint("write it within the function, as in `sum(rate(x[5m]))`"));
        };
        if offset_given {
            return Err(ParseError::new(span, "a range stands before `offset`, as in `x[5m] offset 1h`"));
        }
        if range.is_zero() {
            return Err(ParseError::new(span, "a range must be longer than zero"));
        }
        let span = selector.span.to(span);
        Ok(Tree::leaf(Expr::Range(RangeSelector { selector, range, span })))
    }

    /// What stands behind `offset`, in milliseconds.
    fn offset(&mut self) -> Result<i64, ParseError> {
        let sign = match self.next.kind {
            Kind::Op(BinaryOp::Sub) => -1,
            _ => 1,
        };
        if matches!(self.next.kind, Kind::Op(BinaryOp::Sub | BinaryOp::Add)) {
            self.take()?;
        }
        let length = self.stretch("a duration such as `5m` or `-5m`")?;
        Ok(sign * i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
    }

    /// A duration, also as a number of seconds.
    fn stretch(&mut self, expected: &str) -> Result<Duration, ParseError> {
        let span = self.next.span;
        let length = match self.next.kind {
            Kind::Duration(length) => Some(length),
            Kind::Number(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Kind::LeftParen => return Err(ParseError::unsupported(span, "arithmetic with durations is")),
            Kind::Word(ref word) if matches!(word.as_str(), "step" | "range" | "min_of" | "max_of") => {
                return Err(ParseError::unsupported(span, "arithmetic with durations is"));
            }
            Kind::Op(_) => {
                let hint = "it can't be negative, and arithmetic with durations is not supported yet";
                return Err(self.unexpected(expected).hint(hint));
            }
            _ => return Err(self.unexpected(expected)),
        };
        self.take()?;
        let length = length.filter(|length| *length <= STRETCH_MAX);
        let length = length.ok_or_else(|| ParseError::new(span, "this duration is too long"))?;
        Ok(Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)))
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
