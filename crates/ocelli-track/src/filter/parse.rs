//! From words to conditions.

use super::lex::{self, Part, Placed, Token, Wrong};
use super::{Attribute, Clause, Comparison, DatasetField, Field, Filter, OrderBy, Test};
use crate::error::TrackError;

pub(super) fn filter(text: &str) -> Result<Filter, TrackError> {
    Parser::run(text, |parser| {
        let mut clauses = Vec::new();
        while parser.at < parser.tokens.len() {
            if !clauses.is_empty() {
                parser.keyword("AND", "conditions are joined by `and`; there is no `or`")?;
            }
            clauses.push(parser.clause()?);
        }
        Ok(Filter { clauses })
    })
}

pub(super) fn order(text: &str) -> Result<OrderBy, TrackError> {
    Parser::run(text, |parser| {
        let at = parser.here();
        let field = parser.field()?;
        if matches!(field, Field::Dataset(_)) {
            return Err((at, "runs cannot be ordered by their data sets".to_owned()));
        }
        let descending = match parser.next() {
            None => false,
            Some((_, Token::Name(parts))) if is_keyword(&parts, "ASC") => false,
            Some((_, Token::Name(parts))) if is_keyword(&parts, "DESC") => true,
            Some((at, _)) => return Err((at, "only ASC or DESC can follow what is ordered by".to_owned())),
        };
        match parser.next() {
            None => Ok(OrderBy { field, descending }),
            Some((at, _)) => Err((at, "give every order on its own".to_owned())),
        }
    })
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    /// Characters in all.
    length: usize,
}

impl Parser {
    fn run<T>(text: &str, parse: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, TrackError> {
        lex::tokens(text)
            .and_then(|tokens| parse(&mut Parser { tokens, at: 0, length: text.chars().count() }))
            .map_err(|(at, reason)| TrackError::Filter { text: text.to_owned(), at: at + 1, reason })
    }

    /// The character where the next word begins.
    fn here(&self) -> usize {
        self.tokens.get(self.at).map_or(self.length, |(at, _)| *at)
    }

    fn next(&mut self) -> Option<Placed> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn keyword(&mut self, word: &str, needed: &str) -> Result<(), Wrong> {
        let at = self.here();
        match self.next() {
            Some((_, Token::Name(parts))) if is_keyword(&parts, word) => Ok(()),
            _ => Err((at, needed.to_owned())),
        }
    }

    fn peek_keyword(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some((_, Token::Name(parts))) if is_keyword(parts, word))
    }

    fn clause(&mut self) -> Result<Clause, Wrong> {
        let field = self.field()?;
        let at = self.here();
        let test = match self.next() {
            Some((_, Token::Sign(sign))) => self.comparison(&field, &sign, at)?,
            Some((_, Token::Name(parts))) => self.worded(&field, &parts, at)?,
            _ => return Err((at, format!("{field} needs a comparison: {}", comparisons(&field)))),
        };
        Ok(Clause { field, test })
    }

    fn comparison(&mut self, field: &Field, sign: &str, at: usize) -> Result<Test, Wrong> {
        let found = Comparison::ALL.into_iter().find(|comparison| comparison.sign() == sign);
        let text = !is_number(field);
        let comparison = match found {
            Some(Comparison::Equal | Comparison::NotEqual) => found,
            _ => found.filter(|_| !text),
        };
        let Some(comparison) = comparison else {
            return Err((at, format!("{sign} does not compare {field}: use {}", comparisons(field))));
        };
        if text {
            return Ok(Test::Text { equal: comparison == Comparison::Equal, value: self.text(field)? });
        }
        let at = self.here();
        match self.next() {
            Some((_, Token::Number(value))) => Ok(Test::Number(comparison, value)),
            _ => Err((at, format!("{field} is compared with a number, without quotes"))),
        }
    }

    /// `LIKE`, `ILIKE`, `IN`, `NOT IN`, `IS NULL`, `IS NOT NULL`.
    fn worded(&mut self, field: &Field, parts: &[Part], at: usize) -> Result<Test, Wrong> {
        let refused = || (at, format!("{field} needs a comparison: {}", comparisons(field)));
        let is = |word: &str| is_keyword(parts, word);
        if (is("LIKE") || is("ILIKE")) && !is_number(field) {
            return Ok(Test::Like { pattern: self.text(field)?, ignore_case: is("ILIKE") });
        }
        if is("IN") && takes_lists(field) {
            return Ok(Test::In { values: self.list(field)?, negated: false });
        }
        if is("NOT") && takes_lists(field) {
            self.keyword("IN", "NOT is followed by IN")?;
            return Ok(Test::In { values: self.list(field)?, negated: true });
        }
        if is("IS") && takes_null(field) {
            let negated = self.peek_keyword("NOT");
            self.at += usize::from(negated);
            self.keyword("NULL", "IS is followed by NULL or NOT NULL")?;
            return Ok(Test::Null { negated });
        }
        Err(refused())
    }

    fn text(&mut self, field: &Field) -> Result<String, Wrong> {
        let at = self.here();
        match self.next().and_then(|(_, token)| as_text(token)) {
            Some(text) => Ok(text),
            None => Err((at, format!("{field} is compared with a text in quotes, as in 'adam'"))),
        }
    }

    fn list(&mut self, field: &Field) -> Result<Vec<String>, Wrong> {
        let needed = "a list is written ('a', 'b')";
        let mut at = self.here();
        if !matches!(self.next(), Some((_, Token::Mark('(')))) {
            return Err((at, needed.to_owned()));
        }
        let mut values = Vec::new();
        loop {
            values.push(self.text(field)?);
            at = self.here();
            match self.next() {
                Some((_, Token::Mark(','))) => {}
                Some((_, Token::Mark(')'))) => return Ok(values),
                _ => return Err((at, needed.to_owned())),
            }
        }
    }

    fn field(&mut self) -> Result<Field, Wrong> {
        let at = self.here();
        let Some((_, Token::Name(parts))) = self.next() else {
            return Err((at, "a condition begins with metrics.NAME, params.NAME, tags.NAME, attributes.NAME or \
                             datasets.NAME, and names with other than letters, digits and _ stand in `backquotes`"
                .to_owned()));
        };
        field(&parts).map_err(|reason| (at, reason))
    }
}

fn field(parts: &[Part]) -> Result<Field, String> {
    let (kind, rest) = match parts {
        [only] => return attribute(&only.text),
        [kind, rest @ ..] => (kind, rest),
        [] => return Err("a name is missing".to_owned()),
    };
    let key = match rest {
        [only] => only.text.clone(),
        _ if rest.iter().any(|part| part.quote.is_some()) => {
            return Err(format!("quotes hold the whole name that follows {}.", kind.text));
        }
        _ => rest.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("."),
    };
    match kind.text.as_str() {
        "metric" | "metrics" => Ok(Field::Metric(key)),
        "param" | "params" | "parameter" | "parameters" => Ok(Field::Param(key)),
        "tag" | "tags" => Ok(Field::Tag(key)),
        "attr" | "attribute" | "attributes" | "run" => attribute(&key),
        "dataset" | "datasets" => {
            let field = DatasetField::ALL.into_iter().find(|field| field.name() == key);
            field.map(Field::Dataset).ok_or(format!("a data set has name, digest and context, and no {key}"))
        }
        other => Err(format!("{other} is none of metrics, params, tags, attributes and datasets")),
    }
}

fn attribute(name: &str) -> Result<Field, String> {
    Attribute::named(name).map(Field::Attribute).ok_or_else(|| {
        let names = Attribute::ALL.map(Attribute::name).join(", ");
        format!(
            "{name} is no attribute of runs ({names}): write metrics.{name}, params.{name} or tags.{name}"
        )
    })
}

fn as_text(token: Token) -> Option<String> {
    match token {
        Token::Text(text) => Some(text),
        // Only texts can stand here, so double quotes may hold one too.
        Token::Name(mut parts) if parts.len() == 1 && parts[0].quote == Some('"') => {
            parts.pop().map(|part| part.text)
        }
        _ => None,
    }
}

fn is_keyword(parts: &[Part], word: &str) -> bool {
    matches!(parts, [Part { quote: None, text }] if text.eq_ignore_ascii_case(word))
}

fn is_number(field: &Field) -> bool {
    match field {
        Field::Metric(_) => true,
        Field::Attribute(attribute) => attribute.is_number(),
        Field::Param(_) | Field::Tag(_) | Field::Dataset(_) => false,
    }
}

fn takes_lists(field: &Field) -> bool {
    matches!(field, Field::Attribute(Attribute::RunId) | Field::Dataset(_))
}

fn takes_null(field: &Field) -> bool {
    matches!(field, Field::Param(_) | Field::Tag(_))
}

/// The comparisons that there are for a field.
fn comparisons(field: &Field) -> String {
    let mut signs = if is_number(field) { "=, !=, <, <=, >, >=" } else { "=, !=, LIKE, ILIKE" }.to_owned();
    if takes_lists(field) {
        signs += ", IN, NOT IN";
    }
    if takes_null(field) {
        signs += ", IS NULL, IS NOT NULL";
    }
    signs
}
