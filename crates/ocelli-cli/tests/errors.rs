//! What is wrong is said once, readably, with what would mend it; the exit code says whose turn it is.

mod common;

use common::{folder, images, ocelli, succeeds, train};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A PNG that says it has 30,000 × 30,000 pixels: signature and header, and nothing more.
const HUGE_PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0x75, 0x30, 0,
    0, 0x75, 0x30, 8, 2, 0, 0, 0, 0xE9, 0x45, 0x6F, 0xED,
];

const JPEG: &[u8] = include_bytes!("common/small.jpg");

/// Puts the hostile files beside good ones.
fn make_hostile(data: &Path) {
    fs::write(data.join("across/truncated.jpg"), &JPEG[..JPEG.len() * 2 / 3]).unwrap();
    fs::write(data.join("across/text.png"), "this is a text\n").unwrap();
    fs::create_dir(data.join("empty")).unwrap();
    fs::write(data.join("dots/huge.png"), HUGE_PNG).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere/at/all", data.join("down/unreadable.png")).unwrap();
}

#[test]
fn hostile_files_are_named_and_the_rest_trains() {
    let folder = folder(3);
    let folder = folder.path();
    images(&folder.join("tree"), 20, 3);
    make_hostile(&folder.join("tree"));
    let ran = train(folder, "run", &["--data", "tree"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let mut names = vec!["truncated.jpg", "text.png", "empty", "huge.png"];
    names.extend(cfg!(unix).then_some("unreadable.png"));
    for name in names {
        let lines: Vec<&str> = ran.err.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(lines.len(), 1, "{name} is named once in:\n{}", ran.err);
        let reason = lines[0].split(name).nth(1).unwrap();
        assert!(lines[0].starts_with("warning: ") && reason.len() > 10, "with its reason: {}", lines[0]);
    }
    assert!(folder.join("run/model.safetensors").is_file());
}

#[test]
fn strict_refuses_hostile_files() {
    let folder = folder(6);
    let folder = folder.path();
    images(&folder.join("tree"), 20, 3);
    make_hostile(&folder.join("tree"));
    let ran = train(folder, "run", &["--data", "tree", "--strict"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("error: ") && ran.err.contains("hint: "), "{}", ran.err);
    for name in ["truncated.jpg", "text.png", "empty", "huge.png"] {
        let named = |line: &str| line.starts_with("warning: ") && line.contains(name);
        assert!(ran.err.lines().any(named), "{name} is named in:\n{}", ran.err);
    }
    assert!(!folder.join("run").exists(), "a run that could not begin leaves no folder");
}

#[test]
fn strict_refuses_an_image_that_only_decoding_finds_broken() {
    let folder = folder(6);
    let folder = folder.path();
    let file = folder.join("data/train/across/000.png");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 30]).unwrap();
    let ran = train(folder, "run", &["--strict"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains("000.png"), "{}", ran.err);
    let ran = train(folder, "run", &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains("000.png"), "{}", ran.err);
}

#[test]
fn many_broken_images_are_named_up_to_a_number() {
    let folder = folder(30);
    let folder = folder.path();
    for number in 0..25 {
        let file = folder.join(format!("data/train/across/{number:03}.png"));
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 30]).unwrap();
    }
    let ran = train(folder, "run", &["--set", "data.validation=0", "--epochs", "1"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert_eq!(ran.err.matches("across").count(), 20, "{}", ran.err);
    assert!(ran.err.ends_with("warning: and 5 more\n"), "{}", ran.err);
}

#[test]
fn unknown_names_get_the_nearest() {
    let folder = folder(3);
    for (args, said) in [
        (vec!["train", "--set", "train.epoch=3"], "did you mean `epochs`?"),
        (vec!["train", "--set", "train.optimizer=sdg"], "did you mean `sgd`?"),
        (vec!["train", "--data", "data", "--model", "leson"], "did you mean lesson?"),
        (vec!["summary", "resnet81"], "did you mean resnet18?"),
        (vec!["summary", "nothing-like-it"], "the networks are lesson"),
        (vec!["train", "--epcohs", "3"], "--epochs"),
        (vec!["predcit", "a", "b"], "predict"),
    ] {
        let ran = ocelli(folder.path(), &args);
        assert_eq!(ran.code, 2, "{args:?}\n{}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {said} in:\n{}", ran.err);
        assert!(ran.out.is_empty(), "{args:?}: {}", ran.out);
    }
}

#[test]
fn wrong_requests_are_refused() {
    let folder = folder(3);
    images(&folder.path().join("tree"), 4, 3);
    let linear = "[[layers]]\ntype = \"Linear\"\nout_features = \"classes\"";
    let flat = format!("name = \"flat\"\n{linear}");
    let three =
        format!("name = \"three\"\n[[layers]]\ntype = \"Flatten\"\n{linear}").replace("\"classes\"", "4");
    for (name, bytes) in
        [("flat.toml", flat.as_bytes()), ("three.toml", three.as_bytes()), ("bytes", b"\xFF\xFE")]
    {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    for (args, said) in [
        (vec!["train", "--data", "nowhere"], "nowhere"),
        (vec!["train", "--lr", "-1"], "train.lr is -1"),
        (vec!["train", "--epochs", "0"], "train.epochs is 0"),
        (vec!["train", "--batch-size", "many"], "--batch-size"),
        (vec!["train", "--threads", "0"], "1 to 1024"),
        (vec!["train", "--recipe", "absent.toml"], "absent.toml: cannot be read"),
        (vec!["train", "--set", "lr"], "KEY=VALUE"),
        (vec!["predict", "absent.safetensors", "a.png"], "absent.safetensors: cannot be read"),
        (vec!["predict", "data", "a.png"], "is not a file"),
        (vec!["summary", "lesson", "--input", "3by3"], "3x32x32"),
        (vec!["predict", "m", "a.png", "--json", "--csv"], "cannot be used with"),
        (vec!["train", "--data", "data", "--model", "flat.toml"], "flat.toml for 1×16×16 images"),
        (vec!["train", "--data", "data", "--model", "three.toml"], "the data has 3 classes"),
        (vec!["train", "--data", "data", "--model", "bytes"], "bytes: is no TOML file"),
        (vec!["train", "--data", "network.toml", "--model", "network.toml"], "network.toml"),
        (vec!["train", "--data", "tree", "--set", "data.validation=0.9", "--set", "data.test=0.5"], "0.9"),
        (vec!["train", "--set", "lr=3"], "did you mean `train.lr`?"),
        (vec!["train", "--data", "data", "--out", "network.toml"], "network.toml: cannot be made a folder"),
    ] {
        let ran = ocelli(folder.path(), &args);
        assert_eq!(
            ran.code, 2,
            "{args:?}
{}",
            ran.err
        );
        assert!(ran.err.contains(said), "{args:?}: {said} in:\n{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
}

#[test]
fn larger_images_are_advised_where_they_would_help() {
    let folder = folder(3);
    let kernel = |size: usize| {
        common::NETWORK.replacen("kernel_size = 3\npadding = 1", &format!("kernel_size = {size}"), 1)
    };
    fs::write(folder.path().join("wide.toml"), kernel(17)).unwrap();
    fs::write(folder.path().join("none.toml"), kernel(0)).unwrap();
    for (network, helps) in [("wide.toml", true), ("none.toml", false)] {
        let ran = train(folder.path(), "run", &["--model", network]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert_eq!(ran.err.contains("transforms.size=[64,64]"), helps, "{network}: {}", ran.err);
    }
}

#[test]
fn damaged_models_are_refused() {
    let folder = folder(12);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let model = fs::read(folder.join("run/model.safetensors")).unwrap();
    let text = |from: &str, to: &str| {
        let at = model.windows(from.len()).position(|part| part == from.as_bytes()).expect("it is there");
        [&model[..at], to.as_bytes(), &model[at + from.len()..]].concat()
    };
    let mut nan = model.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "fewer than 8 bytes"),
        (b"this is a text and no model".to_vec(), "header would have"),
        (model[..model.len() - 1].to_vec(), "cut short"),
        (model[..100].to_vec(), "is not a safetensors file"),
        ([&model[..], b"x"].concat(), "damaged"),
        ([&u64::MAX.to_le_bytes()[..], &model[8..]].concat(), "header would have"),
        (text("Conv2d", "Conv9d"), "Conv9d"),
        (text("\\\"format\\\":1", "\\\"format\\\":9"), "format 9"),
        (text("[8,1,3,3]", "[1,8,3,3]"), "needs [8, 1, 3, 3]"),
        (text("ocelli", "ocellj"), "weights alone"),
        (nan, "NaN"),
    ];
    for (number, (bytes, said)) in cases.into_iter().enumerate() {
        fs::write(folder.join("bad.safetensors"), bytes).unwrap();
        let ran = ocelli(folder, &["predict", "bad.safetensors", "data/test/dots/000.png"]);
        assert_eq!(ran.code, 1, "case {number}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("bad.safetensors: ") && ran.err.contains(said),
            "case {number}: {}",
            ran.err
        );
        assert!(!ran.err.contains("panicked"), "case {number}: {}", ran.err);
    }
}

#[test]
fn every_byte_of_the_header_may_be_wrong() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &["--epochs", "1"]).code, 0);
    let model = fs::read(folder.join("run/model.safetensors")).unwrap();
    for place in (0..400).step_by(23) {
        let mut bytes = model.clone();
        bytes[place] ^= 0x55;
        fs::write(folder.join("bad.safetensors"), bytes).unwrap();
        let ran = ocelli(folder, &["summary", "bad.safetensors"]);
        assert!(ran.code == 1 || ran.code == 0, "byte {place}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "byte {place}: {}", ran.err);
    }
}

#[test]
fn a_run_is_not_overwritten() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let before = fs::read(folder.join("run/model.safetensors")).unwrap();
    let ran = train(folder, "run", &["--seed", "9"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("already holds a run"), "{}", ran.err);
    assert_eq!(fs::read(folder.join("run/model.safetensors")).unwrap(), before);
}

#[test]
fn a_recipe_of_the_users_is_not_overwritten() {
    let folder = folder(6);
    let folder = folder.path();
    fs::create_dir(folder.join("mine")).unwrap();
    let recipe = "# mine\n[train]\nepochs = 1\n";
    fs::write(folder.join("mine/recipe.toml"), recipe).unwrap();
    let ran = train(folder, "mine", &["--recipe", "mine/recipe.toml", "--data", "absent"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("mine already holds a run's recipe.toml"), "before the data: {}", ran.err);
    assert_eq!(fs::read_to_string(folder.join("mine/recipe.toml")).unwrap(), recipe);
}

#[test]
fn a_trained_model_is_no_network_to_train() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let ran = train(folder, "again", &["--model", "run/model.safetensors"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("hint: ") && ran.err.contains("--recipe run/recipe.toml"), "{}", ran.err);
}

#[test]
fn what_a_recipe_worked_out_follows_the_settings_that_override_it() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &["--set", "transforms.augment=true"]).code, 0);
    let more = ["--set", "transforms.size=[12,12]", "--set", "train.optimizer=sgd"];
    succeeds(folder, &[&["train", "--recipe", "run/recipe.toml", "--out", "more"][..], &more].concat());
    let recipe = fs::read_to_string(folder.join("more/recipe.toml")).unwrap();
    for said in ["size = [12, 12]", "lr = 0.05", "name = \"sgd\"", "type = \"RandomCrop\""] {
        assert!(recipe.contains(said), "{said} in:\n{recipe}");
    }
    let plain = ["--set", "transforms.augment=false"];
    succeeds(folder, &[&["train", "--recipe", "run/recipe.toml", "--out", "plain"][..], &plain].concat());
    let recipe = fs::read_to_string(folder.join("plain/recipe.toml")).unwrap();
    assert!(!recipe.contains("Random"), "{recipe}");
}

#[test]
fn the_run_goes_on_when_nobody_reads() {
    let folder = folder(6);
    let args = ["train", "--data", "data", "--model", "network.toml", "--epochs", "1", "--out", "run"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_ocelli"))
        .args(args)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(folder.path().join("run/model.safetensors").is_file());
}

#[test]
fn a_loss_that_is_no_number_names_its_batch() {
    let folder = folder(12);
    let diverging = ["--lr", "1e30", "--set", "train.schedule=constant"];
    let ran = train(folder.path(), "run", &diverging);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    for said in ["the loss of batch", "training diverged; ", "lower train.lr"] {
        assert!(ran.err.contains(said), "{said} in: {}", ran.err);
    }
    assert_eq!(train(folder.path(), "run", &[]).code, 0, "the folder is free for another try");
}

#[test]
fn eval_says_which_classes_and_parts_there_are() {
    let folder = folder(12);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let ran = ocelli(folder, &["eval", "run/model.safetensors", "--data", "data", "--split", "dev"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`dev`; it has train, "), "{}", ran.err);
    images(&folder.join("other"), 3, 5);
    fs::rename(folder.join("other/dots"), folder.join("other/dotz")).unwrap();
    let ran = ocelli(folder, &["eval", "run/model.safetensors", "--data", "other"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("did you mean dots?"), "{}", ran.err);
    for data in ["absent", "network.toml"] {
        let ran = ocelli(folder, &["eval", "run/model.safetensors", "--data", data]);
        assert_eq!(ran.code, 2, "what is no data set cannot be measured on: {}", ran.err);
    }
}

#[test]
fn help_and_version_succeed() {
    let folder = folder(1);
    assert!(succeeds(folder.path(), &["--version"]).out.starts_with("ocelli "));
    for command in ["train", "eval", "predict", "summary"] {
        assert!(succeeds(folder.path(), &[command, "--help"]).out.contains("Usage: ocelli"), "{command}");
    }
}

#[test]
fn an_instruction_set_that_is_not_there_is_refused() {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_ocelli"))
        .args(["summary", "lesson"])
        .env("OCELLI_ISA", "sse9")
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{told}");
    assert!(told.contains("sse9") && told.contains("portable") && told.contains("OCELLI_ISA"), "{told}");
}

#[test]
fn a_run_without_a_terminal_is_told_in_lines() {
    let folder = folder(3);
    let folder = folder.path();
    images(&folder.join("tree"), 8, 3);
    let plain = train(folder, "plain", &["--data", "tree", "--plain"]);
    assert_eq!((plain.code, plain.err.as_str()), (0, ""), "{}", plain.err);
    assert!(!plain.out.contains('\u{1b}') && plain.out.contains("  epoch  train loss"), "{}", plain.out);
    let full = train(folder, "full", &["--data", "tree", "--full-screen"]);
    assert_eq!(full.code, 0, "{}", full.err);
    assert!(full.err.starts_with("warning: --full-screen needs a terminal"), "{}", full.err);
    assert!(!full.out.contains('\u{1b}'), "{}", full.out);
    let both = train(folder, "both", &["--data", "tree", "--full-screen", "--plain"]);
    assert!(both.code == 2 && both.err.contains("cannot be used with"), "{}", both.err);
}
