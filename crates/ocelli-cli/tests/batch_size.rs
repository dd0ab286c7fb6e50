//! `ocelli batch-size`.

mod common;

use common::{ocelli, succeeds};
use std::fs;

const DATA: [&str; 4] = ["--data", "data", "--model", "network.toml"];

#[test]
fn the_sizes_are_a_table_and_what_to_do_next_works() {
    let folder = common::folder(12);
    let args = ["--memory", "1GiB", "--set", "train.optimizer=sgd", "--batch-size", "3"];
    let ran = succeeds(folder.path(), &[&["batch-size"], &DATA[..], &args].concat());
    for word in [
        "data      data (class folders): 3 classes, images to train 3",
        "network   tiny, sgd, ",
        "memory    1.0 GiB\n",
        "\nbatch size      memory   images/s\n         2  ",
        "\nlargest   3",
        ", all training images at once\n",
        "\nenough    ",
        "Goyal et al. 2017",
    ] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    let next: Vec<&str> = ran.out.lines().rev().take(2).collect();
    let expected = "ocelli train --data data --model network.toml --set train.optimizer=sgd --batch-size ";
    assert!(next[0].trim().starts_with(expected), "{}", next[0]);
    assert!(next[1].trim().starts_with(&expected.replace(" train ", " lr-find ")), "{}", next[1]);
    let command: Vec<&str> = next[0].split_whitespace().collect();
    succeeds(folder.path(), &[&command[1..], &["--epochs", "1", "--out", "run"]].concat());
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["data", "mlartifacts", "mlflow.db", "network.toml", "run"]);
}

#[test]
fn the_sizes_come_as_json_too() {
    let folder = common::folder(12);
    let json = succeeds(folder.path(), &[&["batch-size"], &DATA[..], &["--json"]].concat()).json();
    assert!(json["budget"].as_u64().unwrap() > 0);
    let largest = json["largest"]["batch_size"].as_u64().unwrap();
    assert_eq!((json["limit"].as_str(), json["recipe"]["batch_size"].as_u64()), (Some("images"), Some(64)));
    let measured = json["measured"].as_array().unwrap();
    let sizes: Vec<u64> =
        measured.iter().map(|size| size["memory"]["batch_size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, (1..=5).map(|power| 1 << power).filter(|size| *size <= largest).collect::<Vec<_>>());
    assert!(sizes.contains(&json["suggested"].as_u64().unwrap()), "{json}");
    assert!(measured[0]["images_per_second"].as_f64().unwrap() > 0.0);
    assert!(json["largest_bytes"].as_u64() >= measured[0]["memory"]["maps"].as_u64());
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = common::folder(12);
    for (args, said) in [
        (["--memory", "1MiB"], "training takes "),
        (["--memory", "1MiB"], "with batches of 2 images, more than the 1.0 MiB"),
        (["--memory", "lots"], "needs an amount such as 2GiB"),
        (["--data", "nowhere"], "nowhere"),
        (["--lr", "0.1"], "unexpected argument"),
    ] {
        let ran = ocelli(folder.path(), &[&["batch-size"], &DATA[..], &args].concat());
        assert!(ran.code == 2 && ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}
