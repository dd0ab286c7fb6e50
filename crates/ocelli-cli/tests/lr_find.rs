//! `ocelli lr-find`.

mod common;

use common::{ocelli, succeeds};
use std::fs;

const DATA: [&str; 6] = ["--data", "data", "--model", "network.toml", "--batch-size", "8"];

#[test]
fn a_sweep_suggests_and_draws_and_leaves_nothing_else() {
    let folder = common::folder(12);
    let sweep = ["--start", "1e-4", "--end", "10", "--steps", "40", "--set", "train.optimizer=sgd"];
    let ran = succeeds(folder.path(), &[&["lr-find"], &DATA[..], &sweep].concat());
    assert!(ran.out.starts_with("data      data (class folders): 3 classes, images to train"), "{}", ran.out);
    assert!(ran.out.contains("sgd with learning rates from 1.00e-4 to 1.00e1 in 40 steps"), "{}", ran.out);
    for word in [
        "\nended     after ",
        "\nvalley    ",
        "\nsteepest  ",
        "\nminimum/10",
        "figure    lr-find.svg",
        "figure    lr-find.png",
    ] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    // What is to be tried next works as it stands, but for its length.
    let last = ran.out.lines().last().unwrap();
    let command: Vec<&str> = last.split_whitespace().collect();
    let expected =
        "ocelli train --data data --model network.toml --batch-size 8 --set train.optimizer=sgd --lr";
    assert_eq!(command[..command.len() - 1].join(" "), expected);
    succeeds(folder.path(), &[&command[1..], &["--epochs", "1", "--out", "run"]].concat());
    let svg = fs::read_to_string(folder.path().join("lr-find.svg")).unwrap();
    assert!(svg.contains("valley: ") && svg.contains("steepest: ") && svg.contains("minimum/10: "), "{svg}");
    assert!(fs::read(folder.path().join("lr-find.png")).unwrap().starts_with(b"\x89PNG"));
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["data", "lr-find.png", "lr-find.svg", "mlartifacts", "mlflow.db", "network.toml", "run"]
    );
}

#[test]
fn the_curve_comes_as_json_and_as_csv_too() {
    let folder = common::folder(12);
    let args = [&["lr-find"], &DATA[..], &["--steps", "30"]].concat();
    let json = succeeds(folder.path(), &[&args[..], &["--json"]].concat()).json();
    let lrs = json["lrs"].as_array().unwrap();
    assert_eq!((json["start"].as_f64(), json["steps"].as_u64()), (Some(1e-7), Some(30)));
    assert!((lrs[0].as_f64().unwrap() - 1e-7).abs() < 1e-15);
    assert!(json["suggestions"].as_object().unwrap().contains_key("valley"), "{json}");
    assert!(!folder.path().join("lr-find.svg").exists());
    let csv = succeeds(folder.path(), &[&args[..], &["--csv", "--out", "curve", "--threads", "1"]].concat());
    let lines: Vec<&str> = csv.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("lr,loss,smoothed", lrs.len() + 1));
    let last = lines[lines.len() - 1].split(',').map(|value| value.parse::<f64>().unwrap());
    let at = lrs.len() - 1;
    assert_eq!(
        last.collect::<Vec<_>>(),
        ["lrs", "losses", "smoothed"].map(|key| json[key][at].as_f64().unwrap())
    );
    assert!(folder.path().join("curve.svg").exists() && folder.path().join("curve.png").exists());
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = common::folder(12);
    for (args, said) in [
        (["--start", "0"], "the sweep's start is 0, but must be more than 0"),
        (["--end", "1e-9"], "the sweep's end is 0.000000001, but must be more than the start"),
        (["--steps", "3"], "the sweep's steps are 3"),
        (["--beta", "1"], "the sweep's beta is 1"),
        (["--stop", "0.5"], "the sweep's stop is 0.5"),
        (["--data", "nowhere"], "nowhere"),
        (["--set", "train.optimiser=sgd"], "did you mean `optimizer`?"),
        (["--lr", "0.1"], "unexpected argument"),
        (["--out", "no/such/curve"], "--out no/such/curve: there is no folder no/such"),
    ] {
        let ran = ocelli(folder.path(), &[&["lr-find"], &DATA[..], &args].concat());
        assert!(ran.code == 2 && ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}
