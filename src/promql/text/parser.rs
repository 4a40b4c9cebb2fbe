//! From tokens to a tree, by precedence climbing.
//!
//! In:   a text.
//! Out:  a checked expression, or one error that says what was expected and where.
//! Not:  nothing is evaluated and no constant folded but the sign of a number.

use crate::model::Span;
use crate::promql::error::ParseError;
use crate::promql::text::dialect::{self, Dialect};
use crate::promql::text::lexer::{Kind, Lexer, Token};
use crate::promql::tree::ast::{Aggregate, Binary, Call, Expr, Grouping, Matching, Pattern, Sign};
use crate::promql::tree::check;
use crate::promql::tree::functions::{self, Function};
use crate::promql::tree::operators::{AggregateOp, BinaryOp};

/// A longer text is refused.
const TEXT_MAX_BYTES: usize = 1 << 16;
/// Parentheses, calls and signs may be nested this deep; evaluation and dropping go down as deep.
const NESTING_MAX: usize = 100;
/// A chain such as `a or b or c …` is a tree of its own depth, which is bounded as well.
const TREE_DEPTH_MAX: usize = 250;
/// Reads and checks an expression in the part of the language that does not change any more.
///
/// # Errors
/// Where the text is no PromQL, its types don't fit, or it uses what is experimental.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    parse_as(text, &Dialect::STABLE)
}

/// Reads and checks an expression.
///
/// # Errors
/// Where the text is no PromQL, its types don't fit, or it uses what is not switched on.
pub fn parse_as(text: &str, dialect: &Dialect) -> Result<Expr, ParseError> {
    if TEXT_MAX_BYTES < text.len() {
        let what =
            format!("an expression of {} bytes is too long; the limit is {TEXT_MAX_BYTES}", text.len());
        return Err(ParseError::new(Span::new(0, 0), what));
    }
    let mut parser = Parser::new(text, dialect)?;
    let tree = parser.expr(0)?;
    match &parser.next.kind {
        Kind::End => Ok(tree.expr),
        Kind::RightParen => Err(ParseError::new(parser.next.span, "this `)` closes nothing")),
        Kind::Assign => Err(parser.unexpected("an operator").hint("write `==` to compare")),
        _ => Err(parser.unexpected("an operator or the end of the expression")),
    }
}

/// An expression and how deep it is.
pub(super) struct Tree {
    pub(super) expr: Expr,
    pub(super) depth: usize,
}

impl Tree {
    pub(super) fn leaf(expr: Expr) -> Self {
        Self { expr, depth: 1 }
    }
}

/// What stands between two expressions.
struct With {
    op: BinaryOp,
    op_span: Span,
    returns_bool: bool,
    matching: Matching,
}

pub(super) struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is looked at.
    pub(super) next: Token,
    /// Where the token before it ended.
    pub(super) last_end: usize,
    nesting: usize,
    pub(super) dialect: &'t Dialect,
    /// Whether a selector may fit every series, as that within `info` does.
    pub(super) lenient: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, dialect: &'t Dialect) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(text);
        let next = lexer.next()?;
        Ok(Self { lexer, next, last_end: 0, nesting: 0, dialect, lenient: false })
    }

    /// Goes a level down, which is bounded.
    pub(super) fn nest(&mut self) -> Result<(), ParseError> {
        if self.nesting == NESTING_MAX {
            let what = format!("this expression is nested more than {NESTING_MAX} levels deep");
            return Err(ParseError::new(self.next.span, what));
        }
        self.nesting += 1;
        Ok(())
    }

    /// Comes up again.
    pub(super) fn unnest(&mut self) {
        self.nesting -= 1;
    }

    /// Takes the token that is looked at.
    pub(super) fn take(&mut self) -> Result<Token, ParseError> {
        self.last_end = self.next.span.end;
        Ok(std::mem::replace(&mut self.next, self.lexer.next()?))
    }

    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        ParseError::new(self.next.span, format!("expected {expected}, found {}", self.next.kind.describe()))
    }

    pub(super) fn expect(&mut self, kind: &Kind, expected: &str) -> Result<Token, ParseError> {
        if self.next.kind == *kind { self.take() } else { Err(self.unexpected(expected)) }
    }

    /// Whether the next token is this keyword, in any case.
    pub(super) fn at_word(&self, keyword: &str) -> bool {
        matches!(&self.next.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn operator(&self) -> Option<BinaryOp> {
        match &self.next.kind {
            Kind::Op(op) => Some(*op),
            Kind::Word(word) => [BinaryOp::And, BinaryOp::Or, BinaryOp::Unless, BinaryOp::Atan2]
                .into_iter()
                .find(|op| op.as_str().eq_ignore_ascii_case(word)),
            _ => None,
        }
    }

    /// An expression of operators that bind at least as strongly as `weakest`.
    pub(super) fn expr(&mut self, weakest: u8) -> Result<Tree, ParseError> {
        self.nest()?;
        let mut left = self.operand()?;
        while let Some(op) = self.operator().filter(|op| weakest <= op.precedence()) {
            let op_span = self.take()?.span;
            let (returns_bool, matching) = self.modifiers(op, op_span)?;
            let right = self.expr(if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 })?;
            let with = With { op, op_span, returns_bool, matching: matching.unwrap_or_default() };
            left = self.joined(left, with, right)?;
        }
        self.unnest();
        Ok(left)
    }

    // Apart from the way down, on which each level is one of the stack too.
    fn joined(&self, left: Tree, with: With, right: Tree) -> Result<Tree, ParseError> {
        let span = left.expr.span().to(right.expr.span());
        let deepest = if left.depth < right.depth { &right } else { &left };
        self.deeper(deepest, with.op_span)?;
        let depth = deepest.depth + 1;
        let With { op, op_span, returns_bool, matching } = with;
        let binary = Binary { op, returns_bool, matching, left: left.expr, right: right.expr, span };
        check::binary(&binary, op_span)?;
        Ok(Tree { expr: Expr::Binary(Box::new(binary)), depth })
    }

    /// Refuses one more level above `tree`, where there are enough.
    pub(super) fn deeper(&self, tree: &Tree, span: Span) -> Result<(), ParseError> {
        if tree.depth < TREE_DEPTH_MAX {
            return Ok(());
        }
        let what = format!("this expression has more than {TREE_DEPTH_MAX} operators in a row");
        Err(ParseError::new(span, what).hint("put parts of it in parentheses, or in recording rules"))
    }

    /// Whether a parenthesis opens behind the token that is looked at.
    pub(super) fn opens_next(&self) -> bool {
        matches!(self.lexer.clone().next(), Ok(Token { kind: Kind::LeftParen, .. }))
    }

    /// What operators stand between, with its sign.
    fn operand(&mut self) -> Result<Tree, ParseError> {
        let sign = match self.next.kind {
            Kind::Op(BinaryOp::Add) => Sign::Plus,
            Kind::Op(BinaryOp::Sub) => Sign::Minus,
            _ => return self.primary(),
        };
        let start = self.take()?.span;
        // A sign binds as `*` does: `-2 ^ 2` is −4, `-a * b` is (−a) * b.
        let of = self.expr(BinaryOp::Pow.precedence())?;
        let span = start.to(of.expr.span());
        if let Expr::Number { value, .. } = of.expr {
            let value = if sign == Sign::Minus { -value } else { value };
            return Ok(Tree::leaf(Expr::Number { value, span }));
        }
        check::unary(&of.expr)?;
        Ok(Tree { expr: Expr::Unary { sign, of: Box::new(of.expr), span }, depth: of.depth + 1 })
    }

    fn primary(&mut self) -> Result<Tree, ParseError> {
        let span = self.next.span;
        let tree = match &self.next.kind {
            Kind::LeftParen => self.parenthesis()?,
            Kind::Word(word) => {
                let word = word.clone();
                self.take()?;
                self.named(&word, span)?
            }
            _ => self.literal(span)?,
        };
        self.suffixes(tree)
    }

    fn parenthesis(&mut self) -> Result<Tree, ParseError> {
        let span = self.take()?.span;
        let inner = self.expr(0)?;
        let end = self.close_paren(span)?;
        let expr = Expr::Paren { inner: Box::new(inner.expr), span: span.to(end) };
        Ok(Tree { expr, depth: inner.depth + 1 })
    }

    /// A number, a string, or a selector without a name.
    fn literal(&mut self, span: Span) -> Result<Tree, ParseError> {
        let expr = match &self.next.kind {
            Kind::LeftBrace => return Ok(Tree::leaf(Expr::Selector(self.selector(None)?))),
            Kind::Number(value) => Expr::Number { value: *value, span },
            Kind::Duration(length) => Expr::Number { value: length.as_secs_f64(), span },
            Kind::Text(value) => Expr::Text { value: value.clone(), is_utf8: true, span },
            Kind::Bytes(value) => Expr::Text { value: value.clone(), is_utf8: false, span },
            _ => return Err(self.unexpected("an expression")),
        };
        self.take()?;
        Ok(Tree::leaf(expr))
    }

    /// What begins with a name: an aggregation, a call, a number that is a word, or a selector.
    fn named(&mut self, word: &str, span: Span) -> Result<Tree, ParseError> {
        let calls = self.next.kind == Kind::LeftParen;
        let groups = self.at_word("by") || self.at_word("without");
        if calls || groups {
            let op = AggregateOp::ALL.iter().find(|op| op.as_str().eq_ignore_ascii_case(word));
            if let Some(op) = op {
                return self.aggregate(*op, span);
            }
        }
        if calls {
            return self.call(word, span);
        }
        match word.to_ascii_lowercase().as_str() {
            "inf" => Ok(Tree::leaf(Expr::Number { value: f64::INFINITY, span })),
            "nan" => Ok(Tree::leaf(Expr::Number { value: f64::NAN, span })),
            "bool" | "on" | "ignoring" | "group_left" | "group_right" => {
                Err(ParseError::new(span, format!("expected an expression, found `{word}`"))
                    .hint("it belongs directly behind an operator"))
            }
            _ => Ok(Tree::leaf(Expr::Selector(self.selector(Some((word, span)))?))),
        }
    }

    fn call(&mut self, name: &str, span: Span) -> Result<Tree, ParseError> {
        let Some(function) = function(name) else {
            let error = ParseError::new(span, format!("unknown function `{name}`"));
            return Err(match functions::nearest(name) {
                Some(known) => error.hint(format!("did you mean `{known}`?")),
                None => error,
            });
        };
        if function.signature().experimental {
            let allowed = self.dialect.experimental_functions;
            dialect::allow(allowed, span, &format!("`{}` is", function.as_str()))?;
        }
        let open = self.take()?.span;
        let (mut args, depth) = self.arguments(function == Function::Info)?;
        args.shrink_to_fit();
        let end = self.close_paren(open)?;
        let pattern = match (function, args.get(4).map(Expr::without_parens)) {
            (Function::LabelReplace, Some(Expr::Text { value, .. })) => Pattern::new(value),
            _ => None,
        };
        let call = Call { function, args, pattern, span: span.to(end) };
        check::call(&call, span)?;
        Ok(Tree { expr: Expr::Call(call), depth: depth + 1 })
    }

    /// Expressions with commas between them, up to the closing parenthesis, and how deep they are.
    fn arguments(&mut self, of_info: bool) -> Result<(Vec<Expr>, usize), ParseError> {
        let (mut args, mut depth) = (Vec::new(), 0);
        while self.next.kind != Kind::RightParen {
            self.lenient = of_info && args.len() == 1;
            let start = self.next.span;
            let arg = self.expr(0)?;
            if std::mem::take(&mut self.lenient) {
                let plain = matches!(&arg.expr, Expr::Selector(selector) if selector.is_plain());
                if !plain {
                    return Err(ParseError::new(start.to(arg.expr.span()), "expected `{…}` with conditions"));
                }
            }
            depth = depth.max(arg.depth);
            args.push(arg.expr);
            if self.next.kind != Kind::Comma {
                break;
            }
            let comma = self.take()?.span;
            if self.next.kind == Kind::RightParen {
                return Err(ParseError::new(comma, "expected another argument behind this comma"));
            }
        }
        Ok((args, depth))
    }

    fn aggregate(&mut self, op: AggregateOp, span: Span) -> Result<Tree, ParseError> {
        if op.is_experimental() {
            let allowed = self.dialect.experimental_functions;
            dialect::allow(allowed, span, &format!("`{}` is", op.as_str()))?;
        }
        let before = self.grouping()?;
        let open = self.expect(&Kind::LeftParen, "`(` and what to aggregate")?.span;
        let args = self.arguments(false)?;
        self.close_paren(open)?;
        self.aggregated(op, span, before, args)
    }

    fn aggregated(
        &mut self,
        op: AggregateOp,
        span: Span,
        before: Option<Grouping>,
        (mut args, depth): (Vec<Expr>, usize),
    ) -> Result<Tree, ParseError> {
        let again = self.next.span;
        let after = self.grouping()?;
        if before.is_some() && after.is_some() {
            return Err(ParseError::new(again, "the grouping is already given before the parentheses"));
        }
        let grouping = before.or(after).unwrap_or(Grouping::By(Vec::new()));
        let whole = Span::new(span.start, self.last_end);
        let expected = 1 + usize::from(op.param().is_some());
        if args.len() != expected {
            let count = if expected == 1 { "one argument" } else { "two arguments" };
            let what = format!("`{}` takes {count}, not {}", op.as_str(), args.len());
            return Err(ParseError::new(whole, what));
        }
        let of = args.pop().expect("the arguments were counted");
        let aggregate = Aggregate { op, grouping, param: args.pop(), of, span: whole };
        check::aggregate(&aggregate)?;
        Ok(Tree { expr: Expr::Aggregate(Box::new(aggregate)), depth: depth + 1 })
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let make = match (self.at_word("by"), self.at_word("without")) {
            (true, _) => Grouping::By,
            (_, true) => Grouping::Without,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some(make(self.label_list()?)))
    }

    /// The closing parenthesis of the one at `open`.
    pub(super) fn close_paren(&mut self, open: Span) -> Result<Span, ParseError> {
        match self.next.kind {
            Kind::RightParen => Ok(self.take()?.span),
            Kind::End => Err(ParseError::new(open, "this `(` is not closed")),
            _ => Err(self.unexpected("an operator, `,` or `)`")),
        }
    }
}

/// The function of this name. Those that speak of the query are keywords, which any case writes.
fn function(name: &str) -> Option<Function> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "start" | "end" | "step" | "range" | "min_of" | "max_of" => Function::named(&lower),
        _ => Function::named(name),
    }
}
