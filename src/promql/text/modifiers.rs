//! The part of the parser that reads what stands behind an expression, and behind an operator.

use crate::model::{Span, Timestamp};
use crate::promql::error::ParseError;
use crate::promql::text::dialect;
use crate::promql::text::lexer::Kind;
use crate::promql::text::parser::{Parser, Tree};
use crate::promql::tree::ast::{
    Expr, Extension, Fill, Group, MatchBy, Matching, RangeSelector, Side, Subquery,
};
use crate::promql::tree::check;
use crate::promql::tree::length::{Length, Pin, Shift};
use crate::promql::tree::operators::BinaryOp;

/// What has been said of the instant so far.
#[derive(Default)]
struct Moved {
    offset: bool,
    pin: bool,
}

impl Parser<'_> {
    /// `[5m]`, `[1h:5m]`, `offset 5m`, `@ 5`, `anchored`, … behind an expression.
    pub(super) fn suffixes(&mut self, mut tree: Tree) -> Result<Tree, ParseError> {
        let mut moved = Moved::default();
        loop {
            let span = self.next.span;
            if self.next.kind == Kind::LeftBracket {
                tree = self.brackets(tree, &moved)?;
                if matches!(tree.expr, Expr::Subquery(_)) {
                    moved = Moved::default();
                }
            } else if self.at_word("offset") {
                self.take()?;
                let offset = self.offset()?;
                if std::mem::replace(&mut moved.offset, true) {
                    return Err(ParseError::new(span, "the offset is given twice"));
                }
                self.movable(&mut tree.expr, span, "`offset`")?.offset = offset;
            } else if self.next.kind == Kind::At {
                self.take()?;
                let pin = self.pin()?;
                if std::mem::replace(&mut moved.pin, true) {
                    return Err(ParseError::new(span, "the instant is given twice"));
                }
                self.movable(&mut tree.expr, span, "`@`")?.pin = Some(pin);
            } else if self.at_word("anchored") {
                self.extension(&mut tree.expr, Extension::Anchored)?;
            } else if self.at_word("smoothed") {
                self.extension(&mut tree.expr, Extension::Smoothed)?;
            } else {
                return Ok(tree);
            }
        }
    }

    /// What moves the instant of an expression that a modifier belongs to, which grows by the modifier.
    fn movable<'e>(
        &self,
        expr: &'e mut Expr,
        modifier: Span,
        name: &str,
    ) -> Result<&'e mut Shift, ParseError> {
        let end = self.last_end;
        match expr {
            Expr::Selector(selector) => {
                selector.span.end = end;
                Ok(&mut selector.shift)
            }
            Expr::Range(range) => {
                range.span.end = end;
                Ok(&mut range.selector.shift)
            }
            Expr::Subquery(subquery) => {
                subquery.span.end = end;
                Ok(&mut subquery.shift)
            }
            _ => Err(ParseError::new(
                modifier,
                format!("{name} belongs directly behind a selector or a subquery"),
            )
            .hint("write it within the parentheses, as in `sum(up offset 5m)`")),
        }
    }

    fn extension(&mut self, expr: &mut Expr, extension: Extension) -> Result<(), ParseError> {
        let span = self.take()?.span;
        let name = extension.as_str();
        dialect::allow(self.dialect.extended_ranges, span, &format!("`{name}` is"))?;
        let have = match expr {
            Expr::Selector(selector) if extension == Extension::Smoothed => {
                selector.span.end = span.end;
                &mut selector.extension
            }
            Expr::Range(range) => {
                range.span.end = span.end;
                &mut range.selector.extension
            }
            Expr::Selector(_) => {
                return Err(ParseError::new(span, format!("`{name}` belongs behind a range"))
                    .hint("say how far back, as in `x[5m] anchored`"));
            }
            _ => return Err(ParseError::new(span, format!("`{name}` belongs directly behind a selector"))),
        };
        match have.replace(extension) {
            None => Ok(()),
            Some(other) => Err(ParseError::new(span, format!("`{name}` can't follow `{}`", other.as_str()))),
        }
    }

    /// `[5m]` behind a selector, or `[1h:5m]` behind any expression.
    fn brackets(&mut self, tree: Tree, moved: &Moved) -> Result<Tree, ParseError> {
        let open = self.take()?.span;
        let range = self.stretch("a duration such as `5m`")?;
        match self.next.kind {
            Kind::RightBracket => self.range(tree, open, range, moved),
            Kind::Colon => self.subquery(tree, open, range),
            _ => Err(self.unexpected("`]`")),
        }
    }

    fn range(&mut self, tree: Tree, open: Span, range: Length, moved: &Moved) -> Result<Tree, ParseError> {
        let span = open.to(self.take()?.span);
        let Expr::Selector(selector) = tree.expr else {
            return Err(ParseError::new(span, "a range belongs directly behind a selector")
                .hint("write it within the function, as in `sum(rate(x[5m]))`, or as a subquery: `[5m:]`"));
        };
        if moved.offset || moved.pin {
            let name = if moved.offset { "`offset`" } else { "`@`" };
            return Err(ParseError::new(
                span,
                format!("a range stands before {name}, as in `x[5m] offset 1h`"),
            ));
        }
        if let Some(extension) = selector.extension {
            let what = format!("a range stands before `{}`", extension.as_str());
            return Err(ParseError::new(span, what));
        }
        let span = selector.span.to(span);
        Ok(Tree::leaf(Expr::Range(RangeSelector { selector, range, span })))
    }

    fn subquery(&mut self, tree: Tree, open: Span, range: Length) -> Result<Tree, ParseError> {
        self.take()?;
        let step = match self.next.kind {
            Kind::RightBracket => None,
            _ => Some(self.stretch("a duration such as `5m`, or `]`")?),
        };
        let close = self.expect(&Kind::RightBracket, "`]`")?.span;
        check::subquery(&tree.expr, open.to(close))?;
        self.deeper(&tree, open)?;
        let span = tree.expr.span().to(close);
        let subquery = Subquery { of: tree.expr, range, step, shift: Shift::default(), span };
        Ok(Tree { expr: Expr::Subquery(Box::new(subquery)), depth: tree.depth + 1 })
    }

    /// What stands behind `@`.
    fn pin(&mut self) -> Result<Pin, ParseError> {
        let start = self.next.span;
        for (word, pin) in [("start", Pin::Start), ("end", Pin::End)] {
            if self.at_word(word) {
                self.take()?;
                let open = self.expect(&Kind::LeftParen, "`()`")?.span;
                self.close_paren(open)?;
                return Ok(pin);
            }
        }
        let sign = match self.next.kind {
            Kind::Op(BinaryOp::Sub) => -1.0,
            _ => 1.0,
        };
        if matches!(self.next.kind, Kind::Op(BinaryOp::Sub | BinaryOp::Add)) {
            self.take()?;
        }
        let seconds = match self.next.kind {
            Kind::Number(seconds) => seconds,
            Kind::Duration(length) => length.as_secs_f64(),
            _ => return Err(self.unexpected("a time in seconds, `start()` or `end()`")),
        };
        let span = start.to(self.take()?.span);
        let ms = (sign * seconds * 1000.0).round();
        // Half of what 64 bits hold, so that stretches around it can be reckoned.
        if ms.is_nan() || (i64::MAX / 2) as f64 <= ms.abs() {
            return Err(ParseError::new(span, "no instant is so far away"));
        }
        Ok(Pin::At(Timestamp::from_millis(ms as i64)))
    }

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right`, `fill` behind an operator.
    pub(super) fn modifiers(
        &mut self,
        op: BinaryOp,
        at: Span,
    ) -> Result<(bool, Option<Matching>), ParseError> {
        let returns_bool = self.at_word("bool");
        if returns_bool {
            let span = self.take()?.span;
            if !op.is_comparison() {
                let what = format!("`bool` belongs behind a comparison, not behind `{}`", op.as_str());
                return Err(ParseError::new(span, what));
            }
        }
        let by = match (self.at_word("on"), self.at_word("ignoring")) {
            (true, _) => Some(MatchBy::On),
            (_, true) => Some(MatchBy::Ignoring),
            _ if self.at_word("group_left") || self.at_word("group_right") => {
                return Err(self.unexpected("`on (…)` or `ignoring (…)` before it"));
            }
            _ => None,
        };
        let mut matching = Matching::default();
        if let Some(by) = by {
            self.take()?;
            matching.by = by;
            matching.labels = self.label_list()?;
            matching.group = self.group(op)?;
        }
        let filled = self.fill(op, &mut matching.fill)?;
        check::matching(&matching, at)?;
        Ok((returns_bool, (by.is_some() || filled).then_some(matching)))
    }

    fn group(&mut self, op: BinaryOp) -> Result<Option<Group>, ParseError> {
        let many = match (self.at_word("group_left"), self.at_word("group_right")) {
            (true, _) => Side::Left,
            (_, true) => Side::Right,
            _ => return Ok(None),
        };
        let span = self.take()?.span;
        if op.is_set() {
            let what = format!("`{}` takes whole elements, so nothing can be grouped", op.as_str());
            return Err(ParseError::new(span, what));
        }
        let include = if self.next.kind == Kind::LeftParen { self.label_list()? } else { Vec::new() };
        Ok(Some(Group { many, include }))
    }

    /// `fill (0)`, `fill_left (0)`, `fill_right (0)`; whether there was any. Without parentheses they are names.
    fn fill(&mut self, op: BinaryOp, fill: &mut Fill) -> Result<bool, ParseError> {
        let mut any = false;
        loop {
            let (left, right) = match &self.next.kind {
                Kind::Word(word) if self.opens_next() => match word.to_ascii_lowercase().as_str() {
                    "fill" => (true, true),
                    "fill_left" => (true, false),
                    "fill_right" => (false, true),
                    _ => return Ok(any),
                },
                _ => return Ok(any),
            };
            let span = self.take()?.span;
            dialect::allow(self.dialect.fill_modifiers, span, "`fill` is")?;
            if op.is_set() {
                let what = format!("`{}` takes whole elements, so nothing can be filled in", op.as_str());
                return Err(ParseError::new(span, what));
            }
            let open = self.expect(&Kind::LeftParen, "`(` and a number")?.span;
            let value = self.signed_number()?;
            self.close_paren(open)?;
            for (side, given) in [(&mut fill.left, left), (&mut fill.right, right)] {
                if given && side.replace(value).is_some() {
                    return Err(ParseError::new(span, "a side is filled in twice"));
                }
            }
            any = true;
        }
    }

    fn signed_number(&mut self) -> Result<f64, ParseError> {
        let sign = match self.next.kind {
            Kind::Op(BinaryOp::Sub) => -1.0,
            _ => 1.0,
        };
        if matches!(self.next.kind, Kind::Op(BinaryOp::Sub | BinaryOp::Add)) {
            self.take()?;
        }
        let value = match &self.next.kind {
            Kind::Number(value) => Some(*value),
            Kind::Duration(length) => Some(length.as_secs_f64()),
            Kind::Word(word) if word.eq_ignore_ascii_case("inf") => Some(f64::INFINITY),
            Kind::Word(word) if word.eq_ignore_ascii_case("nan") => Some(f64::NAN),
            _ => None,
        };
        let value = value.ok_or_else(|| self.unexpected("a number"))?;
        self.take()?;
        Ok(sign * value)
    }
}
