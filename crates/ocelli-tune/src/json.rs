//! JSON as Python writes it: with `NaN`, `Infinity` and `-Infinity`, which JSON has not.

use serde_json::Value;

/// What stands before the name of a number that JSON has not, in a text in its place. A character that no alphabet has.
const MARK: char = '\u{E0CE}';
const WORDS: [(&str, f64); 3] =
    [("-Infinity", f64::NEG_INFINITY), ("Infinity", f64::INFINITY), ("NaN", f64::NAN)];

/// Reads JSON; numbers that it has not become marked texts, which [`number`] and [`to_text`] know.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match replaced(text) {
        Some(text) => serde_json::from_str(&text),
        None => Err(error),
    })
}

/// The text with marked texts for the numbers that JSON has not; `None` where there are none.
fn replaced(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 32);
    let (mut rest, mut in_string, mut found) = (text, false, false);
    while let Some(first) = rest.chars().next() {
        let word = WORDS.iter().map(|(word, _)| *word).find(|word| !in_string && rest.starts_with(word));
        let taken = match (word, first) {
            (Some(word), _) => {
                out.extend(['"', MARK]);
                out.push_str(word);
                out.push('"');
                found = true;
                rest = &rest[word.len()..];
                continue;
            }
            // What is escaped is part of the text, quotes too.
            (None, '\\') if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, character) => {
                in_string ^= character == '"';
                character.len_utf8()
            }
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    found.then_some(out)
}

/// The number, if it is one; those that JSON has not, too.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let name = text.strip_prefix(MARK)?;
            WORDS.iter().find(|(word, _)| *word == name).map(|(_, number)| *number)
        }
        _ => None,
    }
}

/// A number as JSON; one that JSON has not as a marked text.
pub(crate) fn from_number(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(
        || {
            let same = |other: f64| other == number || (other.is_nan() && number.is_nan());
            let word = WORDS.iter().find(|(_, other)| same(*other)).map_or("NaN", |(word, _)| *word);
            Value::String(format!("{MARK}{word}"))
        },
        Value::Number,
    )
}

/// As Python would write it, on one line.
pub(crate) fn to_text(value: &Value) -> String {
    let mut text = value.to_string();
    if text.contains(MARK) {
        for (word, _) in WORDS {
            text = text.replace(&format!("\"{MARK}{word}\""), word);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_that_json_has_not_go_there_and_back() {
        let text = r#"{"a":[NaN,-Infinity,1.5],"b":"NaN \" Infinity","c":Infinity}"#;
        let value = parse(text).unwrap();
        assert!(number(&value["a"][0]).unwrap().is_nan());
        assert_eq!(number(&value["a"][1]), Some(f64::NEG_INFINITY));
        assert_eq!(number(&value["a"][2]), Some(1.5));
        assert_eq!(value["b"], json!("NaN \" Infinity"));
        assert_eq!(number(&value["b"]), None);
        assert_eq!(to_text(&value), text);
        assert_eq!(to_text(&from_number(f64::INFINITY)), "Infinity");
        assert_eq!(to_text(&from_number(0.1)), "0.1");
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["", "{", "NaNNaN", "{\"a\":nan}", "\"\\", "[Infinity"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\\\\"NaInfity,{}\\[\\]:0-9ä]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_float_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            let back = number(&parse(&to_text(&from_number(value))).unwrap()).unwrap();
            proptest::prop_assert!(back == value || (back.is_nan() && value.is_nan()));
        }
    }
}
