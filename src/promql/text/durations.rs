//! The part of the parser that reads stretches of time, and arithmetic with them.

use std::time::Duration;

use crate::model::{Span, Timestamp};
use crate::promql::error::ParseError;
use crate::promql::text::dialect;
use crate::promql::text::lexer::Kind;
use crate::promql::text::parser::Parser;
use crate::promql::tree::length::{self, Instants, LENGTH_MAX, Length, Reckoning};
use crate::promql::tree::operators::BinaryOp;

impl Parser<'_> {
    /// A stretch in brackets, longer than zero: `5m`, `300`, `2 * step()`.
    pub(super) fn stretch(&mut self, expected: &str) -> Result<Length, ParseError> {
        let start = self.next.span;
        if matches!(self.next.kind, Kind::Op(BinaryOp::Sub)) && !self.dialect.duration_expressions {
            return Err(self.unexpected(expected).hint("it can't be negative"));
        }
        let reckoning = self.reckoning(0, expected)?;
        let span = start.to(Span::new(start.start, self.last_end));
        let written = matches!(reckoning, Reckoning::Seconds(_));
        match self.length(reckoning.clone(), span)? {
            Length::Fixed(..=0) if written => Err(ParseError::new(span, "a range must be longer than zero")),
            // Left to the evaluation, as all that is reckoned; rules ask for such faults.
            Length::Fixed(..=0) => Ok(Length::Reckoned(Box::new(reckoning))),
            length => Ok(length),
        }
    }

    /// What stands behind `offset`: arithmetic needs parentheses, since `x offset 5m + 1` is a sum.
    pub(super) fn offset(&mut self) -> Result<Length, ParseError> {
        let start = self.next.span;
        let negative = self.next.kind == Kind::Op(BinaryOp::Sub);
        if negative || self.next.kind == Kind::Op(BinaryOp::Add) {
            self.take()?;
        }
        let of = self.reckoned_operand("a duration such as `5m` or `-5m`")?;
        let reckoning = if negative { Reckoning::Negated(Box::new(of)) } else { of };
        self.length(reckoning, Span::new(start.start, self.last_end))
    }

    /// Reckons what is the same in each query, where it can be.
    fn length(&self, reckoning: Reckoning, span: Span) -> Result<Length, ParseError> {
        let once = reckoning.is_constant().then(|| {
            let seconds = reckoning.seconds(&Instants::one(Timestamp::default()));
            seconds.and_then(length::millis)
        });
        match once {
            Some(Ok(ms)) => Ok(Length::Fixed(ms)),
            Some(Err(what)) if matches!(reckoning, Reckoning::Seconds(_)) => Err(ParseError::new(span, what)),
            _ => Ok(Length::Reckoned(Box::new(reckoning))),
        }
    }

    fn reckoning(&mut self, weakest: u8, expected: &str) -> Result<Reckoning, ParseError> {
        self.nest()?;
        let mut left = match self.next.kind {
            Kind::Op(BinaryOp::Sub) => {
                self.arithmetic()?;
                Reckoning::Negated(Box::new(self.reckoning(BinaryOp::Pow.precedence(), expected)?))
            }
            Kind::Op(BinaryOp::Add) => {
                self.arithmetic()?;
                self.reckoning(BinaryOp::Pow.precedence(), expected)?
            }
            _ => self.reckoned_operand(expected)?,
        };
        while let Kind::Op(op) = self.next.kind {
            if !op.is_arithmetic() || op == BinaryOp::Atan2 || op.precedence() < weakest {
                break;
            }
            self.arithmetic()?;
            let stronger = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.reckoning(stronger, expected)?;
            left = Reckoning::Both(op, Box::new(left), Box::new(right));
        }
        self.unnest();
        Ok(left)
    }

    /// Takes an operator, where arithmetic is switched on.
    fn arithmetic(&mut self) -> Result<(), ParseError> {
        dialect::allow(self.dialect.duration_expressions, self.next.span, "arithmetic with durations is")?;
        self.take().map(drop)
    }

    fn reckoned_operand(&mut self, expected: &str) -> Result<Reckoning, ParseError> {
        let span = self.next.span;
        match &self.next.kind {
            Kind::Duration(length) => {
                let seconds = capped(*length, span)?.as_secs_f64();
                self.take()?;
                Ok(Reckoning::Seconds(seconds))
            }
            Kind::Number(seconds) => {
                let seconds = *seconds;
                length::millis(seconds).map_err(|what| ParseError::new(span, what))?;
                self.take()?;
                Ok(Reckoning::Seconds(seconds))
            }
            Kind::LeftParen => {
                self.arithmetic()?;
                let inner = self.reckoning(0, expected)?;
                self.close_paren(span)?;
                Ok(inner)
            }
            Kind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "step" => self.of_the_query(Reckoning::Step),
                "range" => self.of_the_query(Reckoning::Range),
                "min_of" => self.of_two(Reckoning::Least, expected),
                "max_of" => self.of_two(Reckoning::Most, expected),
                _ => Err(self.unexpected(expected)),
            },
            _ => Err(self.unexpected(expected)),
        }
    }

    /// `step()`, `range()`
    fn of_the_query(&mut self, reckoning: Reckoning) -> Result<Reckoning, ParseError> {
        self.arithmetic()?;
        let open = self.expect(&Kind::LeftParen, "`()`")?.span;
        self.close_paren(open)?;
        Ok(reckoning)
    }

    /// `min_of(a, b)`, `max_of(a, b)`
    fn of_two(
        &mut self,
        make: fn(Box<Reckoning>, Box<Reckoning>) -> Reckoning,
        expected: &str,
    ) -> Result<Reckoning, ParseError> {
        self.arithmetic()?;
        let open = self.expect(&Kind::LeftParen, "`(` and two durations")?.span;
        let a = self.reckoning(0, expected)?;
        self.expect(&Kind::Comma, "`,` and a second duration")?;
        let b = self.reckoning(0, expected)?;
        self.close_paren(open)?;
        Ok(make(Box::new(a), Box::new(b)))
    }
}

fn capped(length: Duration, span: Span) -> Result<Duration, ParseError> {
    if LENGTH_MAX < length {
        return Err(ParseError::new(span, "this duration is too long"));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use crate::promql::{Dialect, parse, parse_as};

    #[test]
    fn arithmetic_is_done_while_reading_where_it_can_be() {
        let check = |text: &str, printed: &str| {
            let expr = parse_as(text, &Dialect::EVERYTHING).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(expr.to_string(), printed, "{text}");
            assert_eq!(parse_as(printed, &Dialect::EVERYTHING).unwrap().to_string(), printed);
        };
        check("x[2m * (1 + 2)]", "x[6m]");
        check("x[-1m + 3m]", "x[2m]");
        check("x[2 ^ 3 ^ 0]", "x[2s]");
        check("x[1h / 7 % 60]", "x[34s285ms]");
        check("x[MIN_OF(5m, 90)]", "x[1m30s]");
        check("x[step() * 2 + max_of(range(), 5m)]", "x[((step() * 2) + max_of(range(), 300))]");
        check("x offset (1m + 1m)", "x offset 2m");
        check("x offset -step()", "x offset (-step())");
        check("x offset 1m + 2", "x offset 1m + 2");
        check("x[1h:2 * 30s]", "x[1h:1m]");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let check = |text: &str, what: &str| {
            let error = parse_as(text, &Dialect::EVERYTHING).expect_err(text);
            assert!(error.what.contains(what), "{text}: {error}");
        };
        check("x[0]", "longer than zero");
        check("x[5m +]", "expected a duration");
        check("x[(5m]", "expected an operator, `,` or `)`");
        check("x[min_of(5m)]", "a second duration");
        check("x[y]", "expected a duration");
        check("x offset", "expected a duration");
        check("x[1e200]", "too long");
        for text in ["x[5m * 2]", "x offset (1m)", "x[step()]", "x offset range()"] {
            assert!(parse(text).expect_err(text).what.contains("experimental"), "{text}");
        }
    }
}
