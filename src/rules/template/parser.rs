//! From the pieces of a template to its tree.
//!
//! In:   the text of a template.
//! Out:  its tree and the templates that it defines, or the first thing that is wrong.
//! Not:  whether values fit functions shows only when it runs, as in Go.

use std::collections::BTreeMap;

use crate::model::{Span, suggest};

use super::TemplateError;
use super::functions::{self, Function};
use super::go_format::{self, GoValue};
use super::lexer::{self, Piece, Token, Word};
use super::tree::{Block, Branch, Command, Node, Operand, Pipeline};

/// `( … )` and blocks may be nested this deep.
const DEPTH_MAX: usize = 50;
/// The variables that stand ready.
pub(super) const GIVEN: [&str; 5] = ["$", "$labels", "$externalLabels", "$externalURL", "$value"];

/// What a text is made of.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub(super) root: Block,
    /// What `define` and `block` name.
    pub(super) defined: BTreeMap<String, Block>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, TemplateError> {
    let mut pieces = Vec::new();
    for piece in lexer::split(text)? {
        match piece {
            Piece::Text(text) if text.is_empty() => {}
            Piece::Text(text) => pieces.push((Span::new(0, 0), Some(text), Vec::new())),
            Piece::Action(span) => pieces.push((span, None, lexer::tokens(text, span)?)),
        }
    }
    let variables = GIVEN.iter().map(|name| (*name).to_owned()).collect();
    let mut parser = Parser { pieces, next: 0, depth: 0, loops: 0, variables, defined: BTreeMap::new() };
    let (root, end) = parser.block()?;
    match end {
        End::OfText => Ok(Parsed { root, defined: parser.defined }),
        End::Word(span) | End::Else(_, span) => Err(TemplateError::new(span, "this ends nothing")),
    }
}

/// What a block ended with.
enum End {
    OfText,
    /// `end`
    Word(Span),
    /// `else` and what stands behind it.
    Else(Vec<Token>, Span),
}

struct Parser {
    /// Texts, and actions with their words.
    pieces: Vec<(Span, Option<String>, Vec<Token>)>,
    next: usize,
    depth: usize,
    /// How many `range` are around.
    loops: usize,
    variables: Vec<String>,
    defined: BTreeMap<String, Block>,
}

impl Parser {
    /// Nodes up to an `end`, an `else` or the end of the text.
    fn block(&mut self) -> Result<(Block, End), TemplateError> {
        let mut block = Vec::new();
        while let Some((span, text, tokens)) = self.pieces.get_mut(self.next) {
            let span = *span;
            if let Some(text) = text.take() {
                block.push(Node::Text(text));
                self.next += 1;
                continue;
            }
            let tokens = std::mem::take(tokens);
            self.next += 1;
            let keyword = match tokens.first() {
                Some(Token { word: Word::Name(name), span }) => Some((name.clone(), *span)),
                _ => None,
            };
            let rest = || tokens.get(1..).unwrap_or_default().to_vec();
            match keyword.as_ref().map(|(name, at)| (name.as_str(), *at)) {
                Some(("end", at)) => {
                    nothing_behind(&rest(), "end")?;
                    return Ok((block, End::Word(at)));
                }
                Some(("else", at)) => return Ok((block, End::Else(rest(), at))),
                Some(("if" | "with" | "range", at)) => {
                    let name = keyword.as_ref().map(|(name, _)| name.as_str()).unwrap_or_default();
                    block.push(self.branch(name, at, &rest(), span.end)?);
                }
                Some(("define", at)) => self.define(at, &rest())?,
                Some(("block", at)) => block.push(self.inline_block(at, &rest(), span.end)?),
                Some(("template", at)) => {
                    let (name, pipeline) = self.named(at, &rest(), span.end)?;
                    block.push(Node::Template(name, pipeline));
                }
                Some((name @ ("break" | "continue"), at)) => {
                    nothing_behind(&rest(), name)?;
                    if self.loops == 0 {
                        return Err(TemplateError::new(at, format!("`{name}` stands outside of `range`")));
                    }
                    block.push(if name == "break" { Node::Break } else { Node::Continue });
                }
                _ => block.push(Node::Action(self.pipeline_of(&tokens, span.end, Declares::One)?)),
            }
        }
        Ok((block, End::OfText))
    }

    fn deeper(&mut self, at: Span) -> Result<(), TemplateError> {
        self.depth += 1;
        if DEPTH_MAX < self.depth {
            return Err(TemplateError::new(at, "it is nested too deep"));
        }
        Ok(())
    }

    /// `if`, `with` or `range`, to its `end`.
    fn branch(&mut self, name: &str, at: Span, tokens: &[Token], end: usize) -> Result<Node, TemplateError> {
        self.deeper(at)?;
        let known = self.variables.len();
        let declares = if name == "range" { Declares::Two } else { Declares::One };
        let on = self.pipeline_of(tokens, end, declares)?;
        self.loops += usize::from(name == "range");
        let (then, ended) = self.block()?;
        self.loops -= usize::from(name == "range");
        let otherwise = match ended {
            End::OfText => {
                return Err(
                    TemplateError::new(at, format!("`{name}` is never ended")).hint("write `{{ end }}`")
                );
            }
            End::Word(_) => Vec::new(),
            End::Else(rest, at) => self.otherwise(name, at, &rest)?,
        };
        self.variables.truncate(known);
        self.depth -= 1;
        let branch = Branch { on, then, otherwise };
        Ok(match name {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// What follows an `else`: its own block, or an `if` or `with` that shares the `end`.
    fn otherwise(&mut self, name: &str, at: Span, rest: &[Token]) -> Result<Block, TemplateError> {
        match rest.first() {
            Some(Token { word: Word::Name(again), span }) if again == name && name != "range" => {
                let end = rest.last().map_or(span.end, |last| last.span.end);
                Ok(vec![self.branch(name, *span, &rest[1..], end)?])
            }
            Some(token) => Err(TemplateError::new(token.span, "nothing belongs here behind `else`")),
            None => match self.block()? {
                (block, End::Word(_)) => Ok(block),
                (_, End::OfText) => Err(TemplateError::new(at, "`else` is never ended")),
                (_, End::Else(_, at)) => Err(TemplateError::new(at, "there is an `else` already")),
            },
        }
    }

    fn define(&mut self, at: Span, tokens: &[Token]) -> Result<(), TemplateError> {
        if 0 < self.depth {
            return Err(TemplateError::new(at, "`define` can't stand within anything else"));
        }
        let (name, rest) = name_of(at, tokens)?;
        nothing_behind(rest, "define")?;
        let body = self.body(at)?;
        self.defined.insert(name, body);
        Ok(())
    }

    /// `block "name" pipeline`: defined and used at once.
    fn inline_block(&mut self, at: Span, tokens: &[Token], end: usize) -> Result<Node, TemplateError> {
        let (name, pipeline) = self.named(at, tokens, end)?;
        let body = self.body(at)?;
        self.defined.entry(name.clone()).or_insert(body);
        Ok(Node::Template(name, pipeline))
    }

    /// The block of a template of its own, which sees no variable but `$`.
    fn body(&mut self, at: Span) -> Result<Block, TemplateError> {
        self.deeper(at)?;
        let around = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, ended) = self.block()?;
        self.variables = around;
        self.loops = loops;
        self.depth -= 1;
        match ended {
            End::Word(_) => Ok(body),
            End::OfText | End::Else(..) => {
                Err(TemplateError::new(at, "this is never ended").hint("write `{{ end }}`"))
            }
        }
    }

    fn named(
        &mut self,
        at: Span,
        tokens: &[Token],
        end: usize,
    ) -> Result<(String, Option<Pipeline>), TemplateError> {
        let (name, rest) = name_of(at, tokens)?;
        let pipeline = match rest {
            [] => None,
            rest => Some(self.pipeline_of(rest, end, Declares::One)?),
        };
        Ok((name, pipeline))
    }

    fn pipeline_of(
        &mut self,
        tokens: &[Token],
        end: usize,
        declares: Declares,
    ) -> Result<Pipeline, TemplateError> {
        let (variables, declared, rest) = declaration(tokens, declares)?;
        if !declared
            && let Some((name, span)) = variables.iter().find(|(name, _)| !self.variables.contains(name))
        {
            return Err(undefined(name, *span, &self.variables));
        }
        let mut words = Words { tokens: rest, at: 0, end, depth: self.depth, variables: &self.variables };
        let commands = words.pipeline()?;
        if let Some(token) = words.peek() {
            return Err(TemplateError::new(token.span, "unexpected `)`"));
        }
        let variables: Vec<String> = variables.into_iter().map(|(name, _)| name).collect();
        if declared {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipeline { variables, declares: declared, commands })
    }
}

fn nothing_behind(rest: &[Token], word: &str) -> Result<(), TemplateError> {
    match rest.first() {
        Some(token) => Err(TemplateError::new(token.span, format!("nothing belongs here behind `{word}`"))),
        None => Ok(()),
    }
}

/// The name of a template, and what stands behind it.
fn name_of(at: Span, tokens: &[Token]) -> Result<(String, &[Token]), TemplateError> {
    match tokens {
        [Token { word: Word::Literal(GoValue::Text(name)), .. }, rest @ ..] => Ok((name.clone(), rest)),
        _ => Err(TemplateError::new(at, "a name in quotes must follow")),
    }
}

/// How many variables a pipeline may set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declares {
    One,
    Two,
}

/// The variables that `tokens` begin by setting, whether they begin here, and the rest.
type Declaration<'t> = (Vec<(String, Span)>, bool, &'t [Token]);

fn declaration(tokens: &[Token], declares: Declares) -> Result<Declaration<'_>, TemplateError> {
    let variable = |token: &Token| match &token.word {
        Word::Variable(name, fields) if fields.is_empty() => Some((name.clone(), token.span)),
        _ => None,
    };
    let (names, rest) = match tokens {
        [first, Token { word: Word::Comma, span }, second, rest @ ..] => {
            let (Some(first), Some(second)) = (variable(first), variable(second)) else {
                return Err(TemplateError::new(*span, "unexpected `,`"));
            };
            if declares == Declares::One {
                return Err(TemplateError::new(*span, "only `range` can set two variables"));
            }
            (vec![first, second], rest)
        }
        [first, rest @ ..] => match variable(first) {
            Some(first) => (vec![first], rest),
            None => return Ok((Vec::new(), false, tokens)),
        },
        [] => return Ok((Vec::new(), false, tokens)),
    };
    match rest.first().map(|token| &token.word) {
        Some(Word::Declare) => Ok((names, true, &rest[1..])),
        Some(Word::Assign) => Ok((names, false, &rest[1..])),
        _ => Ok((Vec::new(), false, tokens)),
    }
}

fn undefined(name: &str, span: Span, known: &[String]) -> TemplateError {
    let error = TemplateError::new(span, format!("undefined variable `{name}`"));
    let known: Vec<&str> = known.iter().map(String::as_str).filter(|name| *name != "$").collect();
    match suggest::meant(name, known.iter().copied()) {
        Some(hint) => error.hint(hint),
        None if known.is_empty() => error.hint("within `define` there are only `.` and `$`"),
        None => error.hint(format!("there are `{}`", known.join("`, `"))),
    }
}

/// The words of one action.
struct Words<'a> {
    tokens: &'a [Token],
    at: usize,
    end: usize,
    depth: usize,
    variables: &'a [String],
}

impl Words<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn here(&self) -> Span {
        self.peek().map_or(Span::new(self.end, self.end), |token| token.span)
    }

    /// Commands with `|` between them, up to a `)` or the end.
    fn pipeline(&mut self) -> Result<Vec<Command>, TemplateError> {
        let mut commands = Vec::new();
        loop {
            let place = self.here();
            let command = self.command()?;
            if !commands.is_empty() && !takes_arguments(&command.first) {
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
        if first == Operand::Literal(GoValue::Nil) {
            return Err(TemplateError::new(place, "`nil` is not a value to print"));
        }
        let mut arguments = Vec::new();
        loop {
            let place = self.here();
            let Some(argument) = self.operand()? else { break };
            if !takes_arguments(&first) {
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
            Word::Field(fields) => Operand::Dot(fields),
            Word::Variable(name, fields) => {
                if !self.variables.contains(&name) {
                    return Err(undefined(&name, token.span, self.variables));
                }
                Operand::Variable(name, fields)
            }
            Word::Name(name) => Operand::Function(functions::find(&name, token.span)?),
            Word::Comma => return Err(TemplateError::new(token.span, "unexpected `,`")),
            Word::Declare | Word::Assign => {
                let error = TemplateError::new(token.span, "only a variable alone can be set");
                return Err(error.hint("write for example `$x := 1`"));
            }
            Word::Open => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(TemplateError::new(token.span, "parentheses are nested too deep"));
                }
                self.at += 1;
                let commands = self.pipeline()?;
                if self.peek().is_none() {
                    return Err(TemplateError::new(token.span, "`(` is never closed"));
                }
                self.depth -= 1;
                Operand::Group(Pipeline { commands, ..Pipeline::default() }, Vec::new())
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

/// A function, or a field that could be a method.
fn takes_arguments(first: &Operand) -> bool {
    match first {
        Operand::Function(_) => true,
        Operand::Dot(fields) | Operand::Variable(_, fields) | Operand::Group(_, fields) => !fields.is_empty(),
        Operand::Literal(_) => false,
    }
}
