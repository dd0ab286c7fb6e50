//! `ocelli lint` says what is wrong, where, why and what to change, and its exit code says whether it is serious.

mod common;

use common::{NETWORK, folder, ocelli, train};
use std::fs;
use std::path::Path;

fn write(folder: &Path, file: &str, text: &str) {
    fs::write(folder.join(file), text).expect("a file");
}

/// The tiny network with dropout moved before BatchNorm.
fn wrong_order() -> String {
    let (norm, dropout) =
        ("[[layers]]\ntype = \"BatchNorm2d\"\n", "[[layers]]\ntype = \"Dropout2d\"\np = 0.1\n");
    let text = NETWORK.replace(dropout, "").replace(norm, &format!("{dropout}\n{norm}"));
    assert_ne!(text, NETWORK);
    text
}

#[test]
fn networks_by_name_and_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ran = ocelli(folder, &["lint", "lesson"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "lesson, 3×32×32 images: nothing serious, 0 pieces of advice\n");
    let ran = ocelli(folder, &["lint", "resnet18", "--input", "3x32x32", "--batch-size", "2"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("serious: maps have shrunk to one pixel")
            && ran.out.contains("at      layer4.0.conv2"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("serious: BatchNorm with batches of 2 [batch-norm-small-batch]"), "{}", ran.out);
    let last = "resnet18, 3×32×32 images, batches of 2: 2 serious findings, 1 piece of advice\n";
    assert!(ran.out.ends_with(last) && ran.err.is_empty(), "{}{}", ran.out, ran.err);
    write(folder, "net.toml", &wrong_order());
    let ran = ocelli(folder, &["lint", "net.toml", "--json"]);
    let json = ran.json();
    assert_eq!((ran.code, json["serious"].as_u64(), json["input"][1].as_u64()), (1, Some(1), Some(32)));
    let finding = &json["findings"][0];
    assert_eq!(finding["rule"], "dropout-before-batch-norm");
    assert_eq!(finding["layers"], serde_json::json!(["1 (Dropout2d)", "2 (BatchNorm2d)"]));
    assert!(finding["why"].as_str().is_some() && finding["change"].as_str().is_some());
}

#[test]
fn recipes_bring_their_batch_size_transforms_and_network() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recipe = |text: &str| {
        write(folder, "recipe.toml", text);
        ocelli(folder, &["lint", "recipe.toml"])
    };
    let ran = recipe("model.network = \"resnet18\"\ntransforms.size = [64, 96]\n");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.ends_with("resnet18, 3×64×96 images, batches of 64: nothing serious, 0 pieces of advice\n"),
        "{}",
        ran.out
    );
    let lists =
        "train = [{ type = \"Normalize\", mean = [0.5, 0.5, 0.5], std = [0.2, 0.2, 0.2] }]\neval = []\n";
    let ran = recipe(&format!("[train]\nbatch_size = 3\n[transforms]\n{lists}"));
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("training images are normalised and all others are not"), "{}", ran.out);
    assert!(ran.out.contains("BatchNorm with batches of 3"), "{}", ran.out);
    assert_eq!(
        ocelli(folder, &["lint", "recipe.toml", "--batch-size", "32"]).out.matches("serious: ").count(),
        1
    );
    // The recipe itself is checked, and so is what it says of its network.
    let ran = recipe("[train]\nepoch = 3\n");
    assert!(ran.code == 2 && ran.err.contains("did you mean `epochs`?"), "{}", ran.err);
    let ran = recipe("[[model.init]]\npattern = \"fc.*\"\ninit = \"zeros\"\n");
    assert!(ran.code == 2 && ran.err.contains("recipe.toml: initialisation by zeros"), "{}", ran.err);
    let ran = recipe("layers = [");
    assert!(ran.code == 2 && ran.err.contains("recipe.toml: line 1"), "{}", ran.err);
    assert_eq!(ocelli(folder, &["lint", "nothing"]).code, 2);
}

#[test]
fn training_says_what_is_serious_and_goes_on() {
    let folder = folder(9);
    write(folder.path(), "network.toml", &wrong_order());
    let ran = train(folder.path(), "run", &["--epochs", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("serious: dropout before BatchNorm [dropout-before-batch-norm]"), "{}", ran.err);
    assert!(!ran.err.contains("advice: "), "{}", ran.err);
    write(folder.path(), "network.toml", NETWORK);
    let ran = train(folder.path(), "other", &["--epochs", "1"]);
    assert!(ran.code == 0 && !ran.err.contains("serious: "), "{}", ran.err);
}
