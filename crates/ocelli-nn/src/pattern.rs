//! Patterns over names: the one syntax in which files and flags choose parameters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest pattern, in bytes: as long as a layer's name.
const LONGEST: usize = 256;

/// Names that are compared with a pattern that matches none, at most: the time grows with their number and lengths.
const COMPARED: usize = 2_000;

/// How many names are said to be near.
const SHOWN: usize = 3;

/// A pattern over whole names: `*` stands for any run of characters (dots too, and none at all), `?` for one character,
/// all else for itself. In files and on the command line it is its text.
///
/// ```
/// use ocelli_nn::Pattern;
///
/// let pattern: Pattern = "layer?.*.bn2.weight".parse()?;
/// assert!(pattern.matches("layer1.0.bn2.weight"));
/// assert!(!pattern.matches("layer1.0.bn2.bias"));
/// # Ok::<(), ocelli_nn::PatternError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// A pattern that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// No pattern at all.
    #[error("got an empty pattern, needs one over names: `*` is any run of characters, `?` is one")]
    Empty,
    /// Longer than any name.
    #[error("got a pattern of {got} bytes, needs at most {LONGEST}: use * for a part of it")]
    Long {
        /// Its length in bytes.
        got: usize,
    },
    /// It matches none of the names that there are.
    #[error("pattern {:?} matches no parameter; {}", pattern.as_str(), near_in_words(near))]
    NoMatch {
        /// The pattern.
        pattern: Pattern,
        /// The names nearest to it, the nearest first.
        near: Vec<String>,
    },
}

fn near_in_words(near: &[String]) -> String {
    match near {
        [] => "there are none".to_owned(),
        _ => format!("the nearest: {} (`*` is any run of characters, `?` is one)", near.join(", ")),
    }
}

impl Pattern {
    /// A pattern of this text.
    ///
    /// # Errors
    /// If it is empty or longer than 256 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, PatternError> {
        let text = text.into();
        match text.len() {
            0 => Err(PatternError::Empty),
            1..=LONGEST => Ok(Self(text)),
            got => Err(PatternError::Long { got }),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches the whole of `name`. Takes at most time in proportion to both lengths' product.
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.chars(), name.chars());
        // What to go back to: after the last `*`, and the rest of the name that it has not taken yet.
        let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
        loop {
            let left = rest.clone();
            match (pattern.next(), rest.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    rest = left;
                    retry = Some((pattern.clone(), rest.clone()));
                }
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(got)) if wanted == got => {}
                _ => {
                    // The last `*` takes one more; those before it need never take more.
                    let Some((after, mut taken)) = retry.take() else { return false };
                    if taken.next().is_none() {
                        return false;
                    }
                    (pattern, rest) = (after.clone(), taken.clone());
                    retry = Some((after, taken));
                }
            }
        }
    }

    /// The places of the names that it matches, at least one.
    ///
    /// # Errors
    /// If it matches none: the error says which are nearest.
    pub fn select<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<usize>, PatternError> {
        let names: Vec<_> = names.into_iter().collect();
        let matched: Vec<_> = (0..names.len()).filter(|&place| self.matches(names[place])).collect();
        if matched.is_empty() {
            return Err(PatternError::NoMatch { pattern: self.clone(), near: self.nearest(&names) });
        }
        Ok(matched)
    }

    /// The names that it takes the fewest changes to match.
    fn nearest(&self, names: &[&str]) -> Vec<String> {
        let pattern: Vec<_> = self.0.chars().collect();
        let mut near: Vec<_> =
            names.iter().take(COMPARED).map(|name| (changes(&pattern, name), *name)).collect();
        near.sort_by_key(|&(changes, _)| changes);
        near.into_iter().take(SHOWN).map(|(_, name)| name.to_owned()).collect()
    }
}

/// How many characters of a pattern must be changed, added or left out before it matches `name`.
fn changes(pattern: &[char], name: &str) -> usize {
    let name: Vec<_> = name.chars().take(LONGEST).collect();
    // In `row[n]`: changes until the pattern so far matches the first n characters.
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for &wanted in pattern {
        let mut before = row[0];
        row[0] += usize::from(wanted != '*');
        for (place, &got) in name.iter().enumerate() {
            let above = row[place + 1];
            row[place + 1] = if wanted == '*' {
                above.min(row[place])
            } else {
                let same = usize::from(wanted != '?' && wanted != got);
                (before + same).min(above + 1).min(row[place] + 1)
            };
            before = above;
        }
    }
    row[name.len()]
}

impl Default for Pattern {
    /// All names: `*`.
    fn default() -> Self {
        Self("*".to_owned())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn stars_are_runs_and_question_marks_characters() {
        for (text, name, expected) in [
            ("fc.weight", "fc.weight", true),
            ("fc", "fc.weight", false),
            ("fc.*", "fc.weight", true),
            ("*", "", true),
            ("*.weight", ".weight", true),
            ("?", "", false),
            ("?", "é", true),
            ("layer?.*.conv2.*", "layer1.0.conv2.weight", true),
            ("layer?.*.conv2.*", "layer10.0.conv2.weight", false),
            ("*.bn*.weight", "layer1.0.bn2.weight", true),
            ("*a*b", "aabab", true),
            ("*a*b", "aaba", false),
            ("a**?", "a", false),
            ("[ab]", "a", false),
        ] {
            assert_eq!(pattern(text).matches(name), expected, "{text} over {name}");
        }
        // Many stars over what nearly matches: no more than the product of the lengths.
        assert!(!pattern(&("a*".repeat(100) + "b")).matches(&"a".repeat(100_000)));
    }

    #[test]
    fn what_matches_nothing_names_the_nearest() {
        let names =
            ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.conv2.weight", "fc.weight", "fc.bias"];
        assert_eq!(pattern("fc.*").select(names), Ok(vec![3, 4]));
        let said = |text| pattern(text).select(names).unwrap_err().to_string();
        assert!(
            said("layr1.*").contains("nearest: layer1.0.conv1.weight, layer1.0.conv2.weight"),
            "{}",
            said("layr1.*")
        );
        assert!(said("fc.wieght").contains("nearest: fc.weight"), "{}", said("fc.wieght"));
        assert!(pattern("*").select([]).unwrap_err().to_string().contains("there are none"));
    }

    #[test]
    fn neither_empty_nor_longer_than_names() {
        assert_eq!(Pattern::new(""), Err(PatternError::Empty));
        assert_eq!(Pattern::new("x".repeat(257)), Err(PatternError::Long { got: 257 }));
        assert!(serde_json::from_str::<Pattern>("\"\"").is_err());
        assert_eq!(serde_json::to_string(&pattern("a.*")).unwrap(), "\"a.*\"");
    }

    /// The definition, without regard to time.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', after)) => (0..=name.len()).any(|taken| by_definition(after, &name[taken..])),
            Some((&wanted, after)) => name
                .split_first()
                .is_some_and(|(&got, rest)| (wanted == '?' || wanted == got) && by_definition(after, rest)),
        }
    }

    proptest! {
        #[test]
        fn matches_as_defined_and_needs_changes_otherwise(text in "[ab*?.]{1,8}", name in "[ab.]{0,10}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = by_definition(&characters(&text), &characters(&name));
            prop_assert_eq!(pattern(&text).matches(&name), expected);
            prop_assert_eq!(changes(&characters(&text), &name) == 0, expected);
        }
    }
}
