//! Addresses of data that lies elsewhere: `https://…`, `http://…`, `s3://…`.

use std::borrow::Cow;
use std::path::Path;

#[cfg(feature = "remote")]
use crate::{DataError, ErrorKind};

/// What the addresses that are read begin with.
const SCHEMES: [&str; 3] = ["https://", "http://", "s3://"];
/// Most addresses that braces stand for.
#[cfg(feature = "remote")]
const MOST: usize = 100_000;
/// Most bytes of an address.
#[cfg(feature = "remote")]
const LONGEST: usize = 8 << 10;

/// The text of a path that is an address (`https://…`, `http://…`, `s3://…`) and not a place on this machine.
pub fn address(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| SCHEMES.iter().any(|scheme| text.starts_with(scheme)))
}

/// An address as it may be shown: without a user's name and password, and without what follows `?`, which may be a signature.
pub fn shown(address: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = address.split_once("://") else { return Cow::Borrowed(address) };
    let (place, query) = rest.split_once(['?', '#']).map_or((rest, false), |(place, _)| (place, true));
    let host = place.split('/').next().unwrap_or_default();
    let place = host.rfind('@').map_or(place, |at| &place[at + 1..]);
    match query {
        true => Cow::Owned(format!("{scheme}://{place}?…")),
        false if place.len() < rest.len() => Cow::Owned(format!("{scheme}://{place}")),
        false => Cow::Borrowed(address),
    }
}

/// All addresses that one with braces stands for, as a shell expands them: `{0000..0009}` is ten numbers, each as wide as the
/// first, `{train,val}` two words, and there may be braces in braces.
#[cfg(feature = "remote")]
pub(super) fn expand(address: &str) -> Result<Vec<String>, DataError> {
    let wrong = |reason| DataError::about(ErrorKind::Invalid, shown(address), reason);
    if address.len() > LONGEST {
        return Err(wrong(format!("is longer than {LONGEST} bytes")));
    }
    expanded(address).map_err(wrong)
}

#[cfg(feature = "remote")]
fn expanded(text: &str) -> Result<Vec<String>, String> {
    let Some(open) = text.find('{') else { return Ok(vec![text.to_owned()]) };
    let (close, commas) = matching(text, open).ok_or("has a brace that is not closed")?;
    let mut ways = Vec::new();
    if commas.is_empty() {
        ways = numbers(&text[open + 1..close])?;
    } else {
        let starts = std::iter::once(open).chain(commas.iter().copied());
        for (start, end) in starts.zip(commas.iter().copied().chain([close])) {
            ways.extend(expanded(&text[start + 1..end])?);
        }
    }
    let rest = expanded(&text[close + 1..])?;
    if ways.len() * rest.len() > MOST {
        return Err(format!("its braces stand for more than {MOST} shards"));
    }
    let with_rest =
        |way: &String| rest.iter().map(|rest| format!("{}{way}{rest}", &text[..open])).collect::<Vec<_>>();
    Ok(ways.iter().flat_map(with_rest).collect())
}

/// Where the brace that is open at a place is closed, and the commas between, but for those in braces within.
#[cfg(feature = "remote")]
fn matching(text: &str, open: usize) -> Option<(usize, Vec<usize>)> {
    let mut depth = 0;
    let mut commas = Vec::new();
    for (place, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((place, commas)),
            b'}' => depth -= 1,
            b',' if depth == 1 => commas.push(place),
            _ => {}
        }
    }
    None
}

/// The numbers from one to another.
#[cfg(feature = "remote")]
fn numbers(range: &str) -> Result<Vec<String>, String> {
    let ends = range.split_once("..").and_then(|(first, last)| {
        let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.len() <= 18);
        Some((first.len(), number(first)?, number(last)?))
    });
    let (width, first, last) = ends.ok_or_else(|| {
        format!("has {{{range}}}: numbers as in {{0000..0009}} or words as in {{train,val}} are needed")
    })?;
    if last < first || last - first >= MOST {
        return Err(format!("has {{{range}}}, which stands for no shards or for more than {MOST}"));
    }
    Ok((first..=last).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for text in ["https://h/a.tar", "http://h", "s3://b/p/"] {
            assert_eq!(address(Path::new(text)), Some(text));
        }
        for text in ["photos", "/data/s3", "s3:/b", "file:///a", "HTTPS"] {
            assert_eq!(address(Path::new(text)), None, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (address, told) in [
            ("https://h/p/a.tar", "https://h/p/a.tar"),
            ("https://me:secret@h:80/a@b.tar", "https://h:80/a@b.tar"),
            ("https://h/a.tar?X-Amz-Signature=secret", "https://h/a.tar?…"),
            ("https://me:se@cret@h/a.tar?x#y", "https://h/a.tar?…"),
            ("s3://bucket/a.tar", "s3://bucket/a.tar"),
            ("https://h?secret/a", "https://h?…"),
        ] {
            assert_eq!(shown(address), told);
        }
    }

    #[cfg(feature = "remote")]
    #[test]
    fn braces_stand_for_numbers() {
        let all = expand("s3://b/{1..2}/train-{008..010}.tar").unwrap();
        assert_eq!(
            (all.len(), all[0].as_str(), all[5].as_str()),
            (6, "s3://b/1/train-008.tar", "s3://b/2/train-010.tar")
        );
        assert_eq!(expand("http://h/a.tar").unwrap(), ["http://h/a.tar"]);
        let splits = expand("https://h/{train-{00..02},val-{0..1}}.tar").unwrap();
        assert_eq!(splits.len(), 5);
        assert_eq!((&*splits[2], &*splits[3]), ("https://h/train-02.tar", "https://h/val-0.tar"));
        for wrong in
            ["a{1..", "a{b}", "a{2..1}", "a{0..99999999}", "{0..999}{0..999}", "a{..2}", "a{}", "{{0..1}"]
        {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
        assert!(expand(&"{a,b}".repeat(2000)).is_err());
        let error = expand("https://me:secret@h/{a}.tar?secret").unwrap_err().to_string();
        assert!(error.contains("{0000..0009}") && !error.contains("secret"), "{error}");
    }
}
