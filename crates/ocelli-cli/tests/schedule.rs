//! `ocelli schedule`: learning rates before a run.

mod common;

use common::{ocelli, succeeds};
use std::fs;

#[test]
fn rates_are_listed_by_epoch_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let set = ["--set", "train.schedule={name='StepLR',step_size=2,gamma=0.5}", "--set", "train.lr=0.1"];
    let sizes = ["--epochs", "4", "--steps-per-epoch", "3", "--out", "curve"];
    let ran = succeeds(folder.path(), &[&["schedule"], &set[..], &sizes[..]].concat());
    let lines: Vec<&str> = ran.out.lines().collect();
    let table = [
        "schedule  step, learning rate 0.1 for adamw",
        "run       4 epochs of 3 steps",
        "",
        " epoch     first step      last step",
        "     1      1.0000e-1      1.0000e-1",
        "     2      1.0000e-1      1.0000e-1",
        "     3      5.0000e-2      5.0000e-2",
        "     4      5.0000e-2      5.0000e-2",
        "",
    ];
    assert_eq!(lines[..table.len()], table);
    assert!(lines[table.len()].starts_with("1.00e-1│⠉⠉⠉"), "{}", ran.out);
    assert!(lines[lines.len() - 4].ends_with("epoch 4"), "{}", ran.out);
    assert_eq!(lines[lines.len() - 3..], ["", "figure    curve.svg", "figure    curve.png"]);
    assert!(fs::read_to_string(folder.path().join("curve.svg")).unwrap().contains("<polyline"));
    assert!(fs::read(folder.path().join("curve.png")).unwrap().starts_with(b"\x89PNG"));
    let json = succeeds(folder.path(), &[&["schedule", "--json"], &set[..], &["--epochs=4"]].concat()).json();
    assert_eq!((&json["schedule"], &json["epochs"][3]["last_lr"]), (&"step".into(), &0.05.into()));
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (args, said) in [
        (["--set", "train.schedule=cosin"], "did you mean `cosine`?"),
        (["--set", "train.schedule.pct_start=3"], "pct_start is 3"),
        (["--epochs", "0"], "train.epochs is 0"),
        (["--steps-per-epoch", "0"], "--steps-per-epoch"),
    ] {
        let ran = ocelli(folder.path(), &[&["schedule"], &args[..]].concat());
        assert!(ran.code == 2 && ran.err.contains(said), "{}", ran.err);
    }
    let ran = ocelli(folder.path(), &["schedule", "--out", "no/such/folder"]);
    assert!(ran.code == 1 && ran.err.contains("folder.svg: cannot be written"), "{}", ran.err);
}
