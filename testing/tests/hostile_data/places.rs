//! Files that are none, or lie where they should not.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{fixture, new_folder, opened, refused as is_refused, write};

pub(crate) fn refused(folder: &Path) {
    empty_and_wrong(folder);
    manifests(folder);
    #[cfg(unix)]
    pipes_and_links(folder);
}

/// Each kind of file, empty, of another kind, or a folder.
fn empty_and_wrong(folder: &Path) {
    let names = [
        "train.tar",
        "train.parquet",
        "manifest.csv",
        "manifest.tsv",
        "manifest.jsonl",
        "data_batch_1.bin",
        "train-images-idx3-ubyte",
    ];
    for (number, contents) in [Vec::new(), fixture("rgb.png"), b"no such file\n".repeat(9)].iter().enumerate()
    {
        for name in names {
            let root = new_folder(folder, &format!("{number}-{name}"));
            write(&root.join("train-labels-idx1-ubyte"), contents);
            write(&root.join(name), contents);
            let data = opened(name, &root, contents.len());
            assert!(
                data.map_or(true, |data| !data.problems.is_empty() || data.names().is_empty()),
                "{number} {name}"
            );
        }
    }
    for name in names {
        let root = new_folder(folder, &format!("folder-{name}"));
        let inner = new_folder(&root, name);
        assert!(opened(name, &root, 0).map_or(true, |data| !data.problems.is_empty()), "{name}");
        assert!(opened(name, &inner, 0).is_err(), "{name}");
    }
}

/// Manifests whose paths lead elsewhere, and whose lines do not end.
fn manifests(folder: &Path) {
    let root = new_folder(folder, "elsewhere");
    for (path, reason) in [
        ("/etc/passwd", "is text, not an image"),
        ("../../../../../../../../../../etc/passwd", "is text, not an image"),
        ("/dev/zero", "is not a regular file"),
        ("/", "is not a regular file"),
        ("..", "is not a regular file"),
        ("nothing.png", "no such file"),
    ] {
        let manifest = root.join("manifest.csv");
        write(&manifest, format!("path,label\n{path},a\n{path},b\n"));
        is_refused(path, &root, 0, "line 2 of manifest.csv", reason);
        let lines =
            format!("{{\"path\": \"{path}\", \"label\": 1}}\n{{\"path\": \"{path}\", \"label\": 0}}\n");
        let manifest = root.join("lines.jsonl");
        write(&manifest, lines);
        is_refused(path, &manifest, 0, "line 2 of lines.jsonl", reason);
    }
    let long = "a".repeat(3 << 20);
    for (name, contents, reason) in [
        ("long.csv", format!("path,label\n{long},a\n"), "a record of more than"),
        ("quote.csv", format!("path,label\n\"{}", "a,b\n".repeat(1 << 20)), "a quote is missing"),
        ("columns.csv", format!("path{}", ",".repeat((1 << 20) - 9000)), "has no column `label`"),
        ("path.csv", format!("path,label\n{},a\n", &long[..9000]), "more than 4096 bytes"),
        ("long.jsonl", format!("{{\"path\": \"{long}\""), "has more than"),
        (
            "deep.jsonl",
            format!("{{\"path\": \"a\", \"label\": 1, \"x\": {}", "[".repeat(1 << 19)),
            "recursion limit",
        ),
        (
            "wide.jsonl",
            format!("{{\"path\": \"a\", \"label\": 1, \"x\": [{}0]}}", "0,".repeat(500_000)),
            "no such file",
        ),
        ("zeros.csv", "\0".repeat(1 << 19), "has no column"),
    ] {
        let path = root.join(name);
        write(&path, &contents);
        is_refused(name, &path, contents.len(), name, reason);
    }
    write(&root.join("manifest.csv"), "path,label\na,a\n");
    write(&root.join("classes.txt"), "a\n".repeat(1 << 20));
    is_refused("classes", &root, 0, "classes.txt", "2097152 bytes");
}

/// Pipes, which would be waited for without end, and links to what is no image.
#[cfg(unix)]
fn pipes_and_links(folder: &Path) {
    let pipe = |path: &Path| {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
        assert!(made.success());
    };
    for name in ["pipe.csv", "pipe.jsonl", "pipe.tar", "pipe.parquet"] {
        let path = folder.join(name);
        pipe(&path);
        assert!(opened(name, &path, 0).is_err(), "{name}");
    }
    let root = new_folder(folder, "classes");
    for class in ["a", "b"] {
        let class = new_folder(&root, class);
        write(&class.join("whole.png"), fixture("orientation-1.png"));
        pipe(&class.join("pipe.png"));
        std::os::unix::fs::symlink("/etc/passwd", class.join("passwd.png")).expect("a link");
        std::os::unix::fs::symlink("/dev/zero", class.join("zero.png")).expect("a link");
        std::os::unix::fs::symlink("nothing", class.join("nothing.png")).expect("a link");
        // Back up, and round in a circle: neither is gone into.
        std::os::unix::fs::symlink(&root, class.join("up")).expect("a link");
        std::os::unix::fs::symlink(".", class.join("round")).expect("a link");
    }
    for (file, reason) in [
        ("a/pipe.png", "is not a regular file"),
        ("b/passwd.png", "is text, not an image"),
        ("b/zero.png", "is not a regular file"),
        ("a/nothing.png", "no such file"),
    ] {
        is_refused("links", &root, 0, file, reason);
    }
    let data = opened("links", &root, 0).expect("two images are whole");
    assert_eq!((data.get("train").expect("a split").len(), data.problems.len()), (2, 8));
    pipe(&root.join("a/classes.txt"));
    fs::remove_file(root.join("a/pipe.png")).expect("it is there");
    write(&root.join("a/manifest.csv"), "path,label\nwhole.png,a\n");
    is_refused("names of classes", &root.join("a"), 0, "classes.txt", "is not a regular file");
}
