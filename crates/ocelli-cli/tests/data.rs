//! `ocelli data`: what data sets are, and what is wrong with them.

mod common;

use common::{images, ocelli, succeeds};
use std::fs;

#[test]
fn info_tells_splits_and_classes() {
    let folder = tempfile::tempdir().unwrap();
    images(&folder.path().join("data/train"), 4, 1);
    images(&folder.path().join("data/test"), 2, 2);
    let ran = succeeds(folder.path(), &["data", "info", "data"]);
    let expected = "data (class folders): 3 classes, 18 images\n\
        train grey, 16×16\n\
        test  grey, 16×16\n\
        \n\
        class       train       test\n\
        across          4          2\n\
        dots            4          2\n\
        down            4          2\n\
        total          12          6\n\
        \n\
        no val split: `train` sets a tenth of each class apart\n";
    assert_eq!(ran.out, expected);
    let json = succeeds(folder.path(), &["data", "info", "data", "--json"]).json();
    assert_eq!(json["splits"][1]["classes"], serde_json::json!([2, 2, 2]));
    assert_eq!((&json["format"], &json["classes"][0]), (&"folders".into(), &"across".into()));
    let ran = ocelli(folder.path(), &["data", "info", "nothing"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn the_exit_code_of_a_check_says_whether_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    images(&folder.path().join("data"), 12, 1);
    let ran = succeeds(folder.path(), &["data", "check", "data"]);
    assert!(ran.out.contains("go on"), "{}", ran.out);
    assert!(ran.err.is_empty(), "{}", ran.err);

    fs::write(folder.path().join("data/dots/text.png"), "no image").unwrap();
    fs::copy(folder.path().join("data/dots/000.png"), folder.path().join("data/down/same.png")).unwrap();
    let ran = ocelli(folder.path(), &["data", "check", "data", "--html", "page.html"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("serious: 1 file cannot be used\n  data/dots/text.png: is text"), "{}", ran.out);
    assert!(ran.out.contains("serious: 1 picture is under several labels"), "{}", ran.out);
    assert!(ran.out.contains("2 serious findings") && ran.out.contains("page.html"), "{}", ran.out);
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(
        page.contains("data:image/png;base64,") && page.contains("same.png") && page.ends_with("</html>\n")
    );
    assert!(!page.contains("http"), "the page needs nothing from elsewhere");

    let ran = ocelli(folder.path(), &["data", "check", "data", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let json = ran.json();
    assert_eq!(json["sound"], false);
    assert_eq!(json["findings"][0]["severity"], "serious");
    assert_eq!(json["exact_duplicates"][0]["images"].as_array().unwrap().len(), 2);
    let ran = ocelli(folder.path(), &["data", "check", "data", "--similarity", "7"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn names_cannot_write_into_the_page() {
    let folder = tempfile::tempdir().unwrap();
    images(&folder.path().join("data"), 2, 1);
    let class = folder.path().join("data/<script>alert(1)<");
    fs::create_dir(&class).unwrap();
    fs::copy(folder.path().join("data/dots/000.png"), class.join("'\"&.png")).unwrap();
    let ran = ocelli(folder.path(), &["data", "check", "data", "--html", "page.html"]);
    assert_eq!(ran.code, 1, "the same picture under two labels: {}", ran.err);
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
}

#[test]
fn small_classes_can_be_given_their_share() {
    let folder = common::folder(12);
    let folder = folder.path();
    // One class has a quarter of the images of the others.
    (3..12).for_each(|n| fs::remove_file(folder.join(format!("data/train/dots/{n:03}.png"))).unwrap());
    let set =
        ["--set", "data.validation=0", "--set", "data.sampler=oversample", "--set", "data.sampler.to=0.5"];
    let ran = common::train(folder, "oversampled", &set);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let recipe = fs::read_to_string(folder.join("oversampled/recipe.toml")).unwrap();
    assert!(recipe.contains("[data.sampler]\nname = \"oversample\"\nto = 0.5"), "{recipe}");
    for sampler in [
        "data.sampler=balanced",
        "data.sampler=weighted",
        "train.class_weights=balanced",
        "train.class_weights=[1, 4, 1]",
    ] {
        let run = sampler.replace(['=', '[', ']', ',', ' '], "-");
        let ran = common::train(folder, &run, &["--set", sampler]);
        assert_eq!(ran.code, 0, "{sampler}: {}\n{}", ran.out, ran.err);
    }
    for (wrong, said) in [
        ("train.class_weights=[1, 2]", "has 2 weights, but the data has 3 classes"),
        ("train.class_weights=[1, -2, 1]", "has -2, but weights must be at least 0"),
        ("data.sampler.to=2", "data.sampler"),
        ("data.sampler=balancd", "did you mean `balanced`?"),
    ] {
        let ran = common::train(folder, "wrong", &["--set", wrong]);
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.err);
        assert!(ran.err.contains(said), "{said} in {}", ran.err);
    }
}

/// The lines of a manifest, less the first.
fn lines(text: &str) -> Vec<Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

#[test]
fn split_writes_a_manifest_and_moves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("data"), 20, 1);
    let args = ["data", "split", "data", "--val", "0.2", "--test", "0.1", "--seed", "3"];
    let ran = succeeds(folder, &[&args[..], &["--out", "data/manifest.csv"]].concat());
    assert!(ran.out.contains("total          42         12          6"), "{}", ran.out);
    assert!(ran.out.contains("ocelli train --data data/manifest.csv"), "{}", ran.out);
    let text = fs::read_to_string(folder.join("data/manifest.csv")).unwrap();
    assert_eq!(lines(&text).len(), 60);
    assert!(text.starts_with("path,label,split\nacross/"), "relative to the manifest: {text}");
    assert_eq!(fs::read_to_string(folder.join("data/classes.txt")).unwrap(), "across\ndots\ndown\n");
    assert!(folder.join("data/across/000.png").exists());
    let json = succeeds(folder, &["data", "info", "data", "--json"]).json();
    assert_eq!((&json["format"], json["splits"].as_array().unwrap().len()), (&"manifest".into(), 3));
    // The same again of the same folders.
    fs::remove_file(folder.join("data/manifest.csv")).unwrap();
    fs::remove_file(folder.join("data/classes.txt")).unwrap();
    succeeds(folder, &[&args[..], &["--out", "again.csv"]].concat());
    let again = fs::read_to_string(folder.join("again.csv")).unwrap();
    assert_eq!(again.replace("data/", ""), text);
    let ran = ocelli(folder, &["data", "split", "data", "--out", "again.csv"]);
    assert!(ran.code == 2 && ran.err.contains("is there already"), "{}", ran.err);

    let ran = succeeds(folder, &["data", "split", "data", "--copy", "copies", "--group", "near-duplicates"]);
    assert!(ran.out.contains("copies    60 in copies"), "{}", ran.out);
    let json = succeeds(folder, &["data", "info", "copies", "--json"]).json();
    assert_eq!(json["format"], "folders");
    let ran = ocelli(folder, &["data", "split", "data", "--copy", "copies"]);
    assert!(ran.code == 2 && ran.err.contains("is not empty"), "{}", ran.err);
    let ran = ocelli(folder, &["data", "split", "data"]);
    assert_eq!(ran.code, 2, "neither --out nor --copy");
    let ran = ocelli(folder, &["data", "split", "data", "--out", "x.csv", "--test", "1"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn split_keeps_groups_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("images"), 24, 1);
    // Six persons in each class, named before the first `_`; listed with their persons in a manifest.
    let mut manifest = "path,label,person\n".to_string();
    for class in common::CLASSES {
        for number in 0..24 {
            let (old, new) = (
                format!("images/{class}/{number:03}.png"),
                format!("images/{class}/p{}_{number}.png", number % 6),
            );
            fs::rename(folder.join(old), folder.join(&new)).unwrap();
            manifest += &format!("{new},{class},p{}\n", number % 6);
        }
    }
    fs::write(folder.join("all.csv"), manifest).unwrap();
    for (data, by) in [("images", "prefix:_"), ("all.csv", "column:person")] {
        let out = format!("{}.csv", by.split(':').next().unwrap());
        succeeds(
            folder,
            &["data", "split", data, "--out", &out, "--val", "0.2", "--test", "0.2", "--group", by],
        );
        let text = fs::read_to_string(folder.join(out)).unwrap();
        let mut splits = std::collections::BTreeMap::new();
        for line in lines(&text) {
            let person = line[0].rsplit('/').next().unwrap().split('_').next().unwrap();
            splits.entry(person).or_insert_with(Vec::new).push(line[2]);
        }
        assert_eq!(splits.len(), 6, "{by}");
        assert!(
            splits.values().all(|of_one| of_one.iter().all(|split| *split == of_one[0])),
            "{by}: {splits:?}"
        );
        let held_out = splits.values().filter(|of_one| of_one[0] != "train").count();
        assert!((1..=3).contains(&held_out), "{by}: {splits:?}");
    }
    for (by, said) in [("column:age", "has no column `age`"), ("colour", "needs near-duplicates")] {
        let ran = ocelli(folder, &["data", "split", "all.csv", "--out", "x.csv", "--group", by]);
        assert!(ran.code == 2 && ran.err.contains(said), "{}", ran.err);
    }
    let ran = ocelli(folder, &["data", "split", "images", "--out", "x.csv", "--group", "column:person"]);
    assert!(ran.code == 2 && ran.err.contains("no columns to group by"), "{}", ran.err);
}

#[test]
fn a_later_run_finds_the_decoded_images_of_an_earlier_one() {
    let folder = common::folder(12);
    let folder = folder.path();
    let first = common::train(folder, "first", &["--cache", "cache"]);
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    assert!(first.out.contains("cache     ") && first.out.contains("; 0 images there"), "{}", first.out);
    let later = common::train(folder, "later", &["--cache", "cache"]);
    assert!(later.out.contains("at most 32.0 GiB a file; 48 images there"), "{}", later.out);
    let without = common::train(folder, "without", &[]);
    assert_eq!(without.code, 0);
    let model = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert!(model("first") == model("later") && model("first") == model("without"), "the same model");
    fs::write(folder.join("file"), "in the way").unwrap();
    let ran = common::train(folder, "wrong", &["--cache", "file"]);
    assert!(ran.code != 0 && ran.err.contains("cannot be used as a cache"), "{}", ran.err);
}

#[test]
fn shards_and_parquet_files_are_data_sets() {
    let fixtures =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ocelli-data/tests/fixtures/archives");
    for (data, format) in [("shards", "shards"), ("hub", "parquet")] {
        let path = fixtures.join(data).to_string_lossy().into_owned();
        let json = succeeds(&fixtures, &["data", "info", &path, "--json"]).json();
        assert_eq!(json["format"], format);
        let ran = ocelli(&fixtures, &["data", "check", &path, "--json"]);
        assert_eq!(ran.json()["classes"].as_array().unwrap().len(), 3, "{}", ran.err);
        let ran = ocelli(&fixtures, &["data", "split", &path, "--out", "/nowhere/m.csv"]);
        assert!(ran.code == 2 && ran.err.contains("have no files of their own"), "{}", ran.err);
    }
}

/// A square of a preview's picture: of the image in a row, or of a version of it.
fn square(picture: &image::RgbImage, row: u32, version: Option<u32>) -> Vec<u8> {
    // Sixteen pixels around all, twelve and a gap of four for the rows' numbers of one digit; sections are three rows.
    let left = 16 + 12 + 4 + version.map_or(0, |version| 32 + 16 + version * 36);
    let top = 16 + row * 36 + row / 3 * 12;
    image::imageops::crop_imm(picture, left, top, 32, 32).to_image().into_raw()
}

/// A file of 16×16 grey pixels as its square shows it: twice as large, in RGB.
fn enlarged(file: &std::path::Path) -> Vec<u8> {
    let image = image::open(file).unwrap().to_rgb8();
    image::imageops::resize(&image, 32, 32, image::imageops::FilterType::Nearest).into_raw()
}

#[test]
fn preview_shows_each_image_beside_its_versions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("data"), 12, 1);
    let list = "transforms.train=[{ type = \"RandomInvert\" }, { type = \"RandomRotation\", degrees = 90 }, { type = \"Normalize\" }]";
    let args = ["data", "preview", "--data", "data", "--set", list, "--images", "3", "--versions", "4"];
    let args = [&args[..], &["--side", "32", "--out", "looks"]].concat();
    let ran = succeeds(folder, &args);
    assert!(ran.err.is_empty(), "{}", ran.err);
    for told in [
        "picture   looks.png\npage      looks.html",
        "rows 1–3    RandomInvert           4 versions of each",
        "rows 4–6    RandomRotation         4 versions of each",
        "rows 7–9    all of them            4 versions of each",
    ] {
        assert!(ran.out.contains(told), "{told} in {}", ran.out);
    }
    let picture = &image::open(folder.join("looks.png")).unwrap().to_rgb8();
    assert_eq!(
        (picture.width(), picture.height()),
        (16 + 12 + 4 + 32 + 16 + 4 * 36 - 4 + 16, 16 + 9 * 36 + 3 * 12)
    );
    // The images that the terminal names are those that are shown, one of each class, and in each section the same.
    let names: Vec<&str> = ran.out.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let names: Vec<&&str> =
        names.iter().filter(|name| name.ends_with("0.png") || name.contains("/0")).collect();
    assert_eq!(names.len(), 3, "{}", ran.out);
    for (row, name) in names.iter().enumerate() {
        assert!(common::CLASSES.iter().filter(|class| names[row].contains(*class)).count() == 1);
        for section in 0..3 {
            assert!(
                square(picture, section * 3 + row as u32, None) == enlarged(&folder.join(name)),
                "{name}"
            );
        }
    }
    let versions = |row| (0..4).map(move |version| square(picture, row, Some(version)));
    for row in 0..3 {
        let original = square(picture, row, None);
        let inverted: Vec<u8> = original.iter().map(|byte| !byte).collect();
        assert!(versions(row).all(|version| version == original || version == inverted), "row {row}");
        let turned: Vec<_> = versions(row + 3).collect();
        assert!((1..4).all(|version| turned[version] != turned[0]), "row {row}");
        assert!(versions(row + 6).any(|version| version != original));
    }
    assert!((0..3).any(|row| versions(row).any(|version| version != square(picture, row, None))));

    let page = fs::read_to_string(folder.join("looks.html")).unwrap();
    assert_eq!(page.matches("<img ").count(), 3 * 3 * 5);
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 3 * 3 * 5);
    for told in [
        "RandomRotation <small>rows 4–6",
        "p = 0.5",
        "degrees = ",
        "alt=\"dots: version 4 of 4\"",
        "data/down/0",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert!(page.ends_with("</html>\n") && !page.contains("http"), "the page needs nothing from elsewhere");

    // Its own files are written again, and the same.
    let before = fs::read(folder.join("looks.png")).unwrap();
    succeeds(folder, &args);
    assert!(fs::read(folder.join("looks.png")).unwrap() == before);
    succeeds(folder, &[&args[..], &["--seed", "2"]].concat());
    assert!(fs::read(folder.join("looks.png")).unwrap() != before);
}

#[test]
fn preview_overwrites_nothing_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("data"), 12, 1);
    let preview = |more: &[&str]| ocelli(folder, &[&["data", "preview", "--data", "data"], more].concat());
    for name in ["mine.png", "mine.html"] {
        fs::write(folder.join(name), "precious").unwrap();
        let ran = preview(&["--out", "mine"]);
        assert!(ran.code == 2 && ran.err.contains(&format!("{name} is there already")), "{}", ran.err);
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "precious");
        fs::remove_file(folder.join(name)).unwrap();
    }
    let ran = preview(&["--out", "nowhere/it"]);
    assert!(ran.code == 1 && ran.err.contains("nowhere/it.png: cannot be written"), "{}", ran.err);
    for (args, said) in [
        (&["--images", "0"][..], "needs a whole number from 1 to 64"),
        (&["--images", "64", "--versions", "64", "--side", "512"], "take fewer images or versions"),
        (
            &["--set", "transforms.train=[{ type = \"RandomCrop\", size = 99 }, { type = \"Normalize\" }]"],
            "RandomCrop",
        ),
        (&["--set", "transforms.trian=1"], "did you mean `train`?"),
        (&["--data", "nothing"], "nothing: is not there"),
        (&["--recipe", "no.toml"], "no.toml"),
    ] {
        let ran = preview(args);
        assert!(ran.code == 2 && ran.err.contains(said), "{said} in {} {}", ran.code, ran.err);
    }
    assert!(!folder.join("preview.png").exists());
}

#[test]
fn preview_says_where_nothing_is_random_and_what_it_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("data/a <b>"), 4, 1);
    fs::write(folder.join("recipe.toml"), "[data]\npath = \"data/a <b>\"\n[transforms]\naugment = false\n")
        .unwrap();
    let ran = succeeds(folder, &["data", "preview", "--recipe", "recipe.toml"]);
    assert!(ran.out.contains("note: no transform of the recipe is random"), "{}", ran.out);
    assert!(ran.out.contains("all of them            1 version of each"), "{}", ran.out);
    let page = fs::read_to_string(folder.join("preview.html")).unwrap();
    assert!(page.contains("Note: no transform") && page.contains("a &lt;b&gt;") && !page.contains("a <b>"));
    let mix = ["--set", "transforms.augment=true", "--set", "transforms.batch={ type = \"MixUp\" }"];
    let ran = succeeds(folder, &[&["data", "preview", "--recipe", "recipe.toml"], &mix[..]].concat());
    assert!(!ran.out.contains("is random") && ran.out.contains("mixes the images of a batch"), "{}", ran.out);
}
