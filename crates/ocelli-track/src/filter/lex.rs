//! The words of a filter, where MLflow's (`sqlparse`) end.

/// A word of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Parts with points between them: `metrics.loss`, `tags."a b"`; also keywords, and texts in double quotes.
    Name(Vec<Part>),
    /// A text in single quotes.
    Text(String),
    Number(f64),
    /// A run of the characters of comparisons.
    Sign(String),
    /// `(`, `)` or `,`.
    Mark(char),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// `"`, `` ` ``, or none.
    pub(super) quote: Option<char>,
    pub(super) text: String,
}

/// A word and the character it begins at, from 0.
pub(super) type Placed = (usize, Token);

/// What is wrong, and at which character.
pub(super) type Wrong = (usize, String);

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Wrong> {
    let mut lexer = Lexer { characters: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.peek() {
        if c.is_whitespace() {
            lexer.at += 1;
            continue;
        }
        let begin = lexer.at;
        tokens.push((begin, lexer.token(c)?));
    }
    Ok(tokens)
}

/// Whether what stands between such quotes is read to its end, and not only to a quote within it.
pub(super) fn fits_quotes(text: &str, quote: char) -> bool {
    let mut lexer = Lexer { characters: format!("{quote}{text}{quote}").chars().collect(), at: 0 };
    lexer.quoted(quote).is_ok_and(|read| read == text) && lexer.at == lexer.characters.len()
}

struct Lexer {
    characters: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.characters.get(self.at + by).copied()
    }

    fn token(&mut self, first: char) -> Result<Token, Wrong> {
        match first {
            '\'' => self.quoted('\'').map(Token::Text),
            '(' | ')' | ',' => {
                self.at += 1;
                Ok(Token::Mark(first))
            }
            '<' | '>' | '=' | '!' => Ok(Token::Sign(self.run(|c| "<>=!".contains(c)))),
            '0'..='9' | '-' | '+' | '.' => self.number(),
            _ if is_word(first) || first == '"' || first == '`' => self.name(),
            _ => Err((self.at, format!("found {first:?}, which has no meaning here"))),
        }
    }

    /// What is between quotes, as it stands there: a quote that is doubled does not end it.
    fn quoted(&mut self, quote: char) -> Result<String, Wrong> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == quote {
                if quote == '`' || self.peek() != Some(quote) {
                    return Ok(text);
                }
                self.at += 1;
                text.push(quote);
            }
            text.push(c);
        }
        Err((begin, format!("the quote {quote} is never closed")))
    }

    fn name(&mut self) -> Result<Token, Wrong> {
        let mut parts = vec![self.part()?];
        while self.peek() == Some('.') && self.ahead(1).is_some_and(|c| is_word(c) || c == '"' || c == '`') {
            self.at += 1;
            parts.push(self.part()?);
        }
        Ok(Token::Name(parts))
    }

    fn part(&mut self) -> Result<Part, Wrong> {
        match self.peek() {
            Some(quote @ ('"' | '`')) => Ok(Part { quote: Some(quote), text: self.quoted(quote)? }),
            _ => Ok(Part { quote: None, text: self.run(is_word) }),
        }
    }

    fn number(&mut self) -> Result<Token, Wrong> {
        let begin = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let is_sign = matches!(c, '+' | '-');
            if is_sign && !(text.is_empty() || text.ends_with(['e', 'E'])) {
                break;
            }
            if !(c.is_ascii_alphanumeric() || c == '.' || is_sign) {
                break;
            }
            text.push(c);
            self.at += 1;
        }
        // Rust reads `inf` and `nan` as numbers, which the language does not have.
        let digits =
            text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
        match text.parse::<f64>() {
            Ok(value) if digits => Ok(Token::Number(value)),
            _ => Err((begin, format!("{text} is no number"))),
        }
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let begin = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.characters[begin..self.at].iter().collect()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
