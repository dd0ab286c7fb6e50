//! Files that belong together: one name, several endings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `photos`, `photos.png` and `photos.svg` all name `photos.svg` and `photos.png`, where these are the endings; a folder has them by
/// their usual name.
pub(crate) fn together<const N: usize>(out: &Path, usual: &str, endings: [&str; N]) -> [PathBuf; N] {
    if out.is_dir() { beside(&out.join(usual), endings) } else { beside(out, endings) }
}

/// As [`together`], where a folder of that name is nothing but its neighbour.
pub(crate) fn beside<const N: usize>(out: &Path, endings: [&str; N]) -> [PathBuf; N] {
    let of_ours = |end: &str| endings.iter().any(|ours| end.eq_ignore_ascii_case(ours));
    let stem = match out.extension() {
        Some(end) if of_ours(&end.to_string_lossy()) => out.with_extension(""),
        _ => out.to_path_buf(),
    };
    endings.map(|ending| {
        let mut name = OsString::from(&stem);
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_their_own_endings_are_taken_off() {
        let named = |out: &str| together(Path::new(out), "curve", ["svg", "png"]);
        let both = |stem: &str| ["svg", "png"].map(|end| PathBuf::from(format!("{stem}.{end}")));
        for (out, stem) in [("a", "a"), ("a.PNG", "a"), ("b/a.svg", "b/a"), ("v1.5", "v1.5")] {
            assert_eq!(named(out), both(stem));
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(together(folder.path(), "curve", ["png"]), [folder.path().join("curve.png")]);
        assert_eq!(beside(folder.path(), ["png"]), [folder.path().with_extension("png")]);
    }
}
