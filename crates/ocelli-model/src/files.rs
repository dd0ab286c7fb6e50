//! Writing files so that whoever reads them finds the old one or the new one, never half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces the file at `path` by `bytes`: writes them under a temporary name beside it, `.<name>.<process>.tmp`, then renames. Both
/// are on the disk when it returns, so that what is written later is not there without it, whatever happens to the machine.
///
/// # Errors
/// The folder cannot be written to, or the disk is full; what was there stays as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let temporary = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| rename(&temporary, path));
    if done.is_err() {
        // The first failure is the one to tell; what is left of the temporary file goes if it can.
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Renames a file, replacing what was there, and waits until the disk knows.
///
/// # Errors
/// As [`fs::rename`], or the folder cannot be synchronised.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // Only Unix opens folders as files.
    if cfg!(unix) {
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Removes what [`replace`] leaves in a folder where its process is killed: temporary files of the name `name`. Only where nobody
/// else writes there.
///
/// # Errors
/// The folder cannot be read, or a file not removed.
pub fn remove_temporary(folder: &Path, name: &str) -> io::Result<()> {
    let begin = format!(".{name}.");
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.file_name();
        let process = found.to_str().and_then(|found| found.strip_prefix(&begin)?.strip_suffix(".tmp"));
        if process.is_some_and(|process| process.parse::<u32>().is_ok()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{remove_temporary, replace};
    use std::fs;

    #[test]
    fn the_new_file_takes_the_place_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("no/such"), b"x").is_err());
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".a.bin.123.tmp", ".a.bin.tmp", ".b.bin.123.tmp", "a.bin"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_temporary(folder.path(), "a.bin").unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".a.bin.tmp", ".b.bin.123.tmp", "a.bin"]);
    }
}
