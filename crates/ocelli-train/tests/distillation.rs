//! Learning from a teacher's file.

mod common;

use common::{NETWORK, write_data};
use ocelli_data::Transform;
use ocelli_model::Classifier;
use ocelli_nn::Weights;
use ocelli_train::{Event, Observer, Recipe, RecipeBuilder, Resume, Run, RunOptions, TrainError};
use std::fs;
use std::path::{Path, PathBuf};

/// Data, a network, and a teacher trained on them.
struct World {
    folder: tempfile::TempDir,
}

fn options(threads: usize) -> RunOptions {
    RunOptions { threads }
}

fn quiet() -> impl Observer + Send {
    |_: &Event<'_>| {}
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_data(&folder.path().join("data"));
        fs::write(folder.path().join("tiny.toml"), NETWORK).unwrap();
        let world = World { folder };
        let run = world.prepare("train.epochs=8", 2);
        run.train(&world.path("big"), &mut quiet()).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn recipe(&self, settings: &str) -> Recipe {
        let path = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 3\nbatch_size = 16\n",
            path("data"),
            path("tiny.toml"),
        );
        let recipe = RecipeBuilder::new().text(&text, "test").unwrap();
        settings
            .split(' ')
            .filter(|set| !set.is_empty())
            .fold(recipe, |recipe, set| recipe.set(set).unwrap())
            .build()
            .unwrap()
    }

    fn prepare(&self, settings: &str, threads: usize) -> Run {
        Run::prepare(self.recipe(settings), options(threads)).unwrap()
    }

    /// The settings that name a teacher, and others.
    fn taught_by(&self, teacher: &Path, others: &str) -> String {
        format!("distill.teacher={} {others}", teacher.display())
    }

    fn teacher(&self) -> Classifier {
        Classifier::load(self.path("big/model.safetensors")).unwrap()
    }

    /// Trains with a teacher; gives the weights.
    fn taught(&self, teacher: &Path, others: &str, threads: usize) -> Weights {
        let out =
            self.folder.path().join(format!("run-{}", fs::read_dir(self.folder.path()).unwrap().count()));
        let run = self.prepare(&self.taught_by(teacher, others), threads);
        run.train(&out, &mut quiet()).unwrap();
        Classifier::load(out.join("last.safetensors")).unwrap().weights().clone()
    }

    /// What is said of a teacher that does not fit a student of such settings.
    fn refused(&self, teacher: &Classifier, student: &str) -> String {
        let path = self.path("other.safetensors");
        teacher.save(&path).unwrap();
        let error = Run::prepare(self.recipe(&self.taught_by(&path, student)), options(1)).unwrap_err();
        assert!(error.is_request());
        let TrainError::Teacher { path: named, source } = error else { panic!("{error}") };
        assert_eq!(named, path);
        source.to_string()
    }
}

/// A classifier of the same weights with other classes or transforms.
fn altered(teacher: &Classifier, transforms: Vec<Transform>, classes: &[&str]) -> Classifier {
    let classes = classes.iter().map(|class| class.to_string()).collect();
    Classifier::new(teacher.network().clone(), teacher.weights().clone(), transforms, classes).unwrap()
}

#[test]
fn a_student_learns_from_its_teacher_to_the_same_bits_on_any_threads() {
    let world = World::new();
    let teacher = world.path("big/model.safetensors");
    for others in [
        "",
        "transforms.batch={type='MixUp',alpha=0.4} train.label_smoothing=0.1 train.accumulate=2 train.sam={} distill.alpha=0.5",
    ] {
        let one = world.taught(&teacher, others, 1);
        assert!(one == world.taught(&teacher, others, 3), "{others}");
        let plain: String =
            others.split(' ').filter(|set| !set.starts_with("distill")).collect::<Vec<_>>().join(" ");
        let alone = world.prepare(&plain, 1);
        let out = world.path(if others.is_empty() { "alone" } else { "alone-mixed" });
        alone.train(&out, &mut quiet()).unwrap();
        assert!(
            &one != Classifier::load(out.join("last.safetensors")).unwrap().weights(),
            "the teacher counts"
        );
        // Without any weight it does not, though it is asked.
        let nothing = format!("{plain} distill.alpha=0").trim().to_owned();
        let asked = world.taught(&teacher, &nothing, 2);
        assert!(&asked == Classifier::load(out.join("last.safetensors")).unwrap().weights(), "{others}");
    }
}

#[test]
fn the_order_of_the_classes_and_the_normalisation_may_differ() {
    let world = World::new();
    let teacher = world.teacher();
    let usual = world.taught(&world.path("big/model.safetensors"), "", 1);

    // The same classifier with its classes the other way round: the last layer's rows change places.
    let mut weights = teacher.weights().clone();
    let last =
        teacher.network().parameters().iter().rev().map(|p| p.name.clone()).take(2).collect::<Vec<_>>();
    for name in last {
        let tensor = weights.get_mut(&name).unwrap();
        let row = tensor.data.len() / 2;
        let ocelli_nn::TensorData::F32(values) = &mut tensor.data else { panic!("{name}") };
        values.rotate_left(row);
    }
    let mut classes = teacher.classes().to_vec();
    classes.reverse();
    let turned =
        Classifier::new(teacher.network().clone(), weights, teacher.transforms().to_vec(), classes).unwrap();
    let path = world.path("turned.safetensors");
    turned.save(&path).unwrap();
    assert!(world.taught(&path, "", 1) == usual, "the same teacher, to the bit");

    // One that sees images of another mean and std: what it says comes to the same only if they are brought to them.
    let [first, second] = [0, 1].map(|class| teacher.classes()[class].clone());
    let mut transforms = teacher.transforms().to_vec();
    *transforms.last_mut().unwrap() = Transform::normalize_with(&[0.0], &[1.0]);
    let other = altered(&teacher, transforms, &[&first, &second]);
    let path = world.path("plain.safetensors");
    other.save(&path).unwrap();
    let run = world.prepare(&world.taught_by(&path, ""), 1);
    assert!(run.teacher().unwrap().normalises_anew());
    let images = [0.25; 100];
    let mut gradient = [0.0; 2];
    let mut teaching = run.teacher().unwrap().teaching(1).unwrap();
    let Some(Transform::Normalize(ours)) = run.recipe().transforms.eval.as_ref().unwrap().last().cloned()
    else {
        panic!("normalised")
    };
    let (mean, std) = (ours.mean.unwrap()[0], ours.std.unwrap()[0]);
    let normalised = images.map(|pixel| (pixel - mean) / std);
    teaching.ask(&normalised);
    let loss = teaching.forward(&[0.0; 2], 0.0, &mut gradient);
    // The same network asked about the pixels themselves.
    let mut plan = ocelli_nn::plan::InferPlan::new(
        other.network(),
        other.weights(),
        ocelli_nn::plan::PlanOptions { batch: 1, ..Default::default() },
    )
    .unwrap();
    let said = plan.run(&images);
    let mut expected = [0.0; 2];
    let known = ocelli_train::Distillation::default().forward(&[0.0; 2], said, 2, 0.0, &mut expected);
    assert!((loss - known).abs() < 1e-4 * known.abs().max(1.0), "{loss} {known}");
    assert!(gradient.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{gradient:?} {expected:?}");
}

#[test]
fn teachers_that_do_not_fit_are_refused_with_what_to_do() {
    let world = World::new();
    let teacher = world.teacher();
    let classes: Vec<&str> = teacher.classes().iter().map(String::as_str).collect();
    let said = world.refused(&altered(&teacher, teacher.transforms().to_vec(), &[classes[0], "ant"]), "");
    let lacks =
        format!("it does not know the class {}, which the data has, and knows the class ant", classes[1]);
    assert!(said.contains(&lacks), "{said}");
    let several = teacher.clone().with_thresholds(vec![0.5; 2]).unwrap();
    assert!(world.refused(&several, "").contains("it tells several labels an image"));

    let trained = |settings: &str, out: &str| {
        let run = world.prepare(settings, 1);
        run.train(&world.path(out), &mut quiet()).unwrap();
        Classifier::load(world.path(out).join("model.safetensors")).unwrap()
    };
    let said = world.refused(&trained("train.epochs=1 transforms.size=[16,12]", "larger"), "");
    assert!(said.starts_with("it takes 16×12 images, but those to learn from are 10×10"), "{said}");
    assert!(said.contains("--set transforms.size=[16,12]"), "{said}");
    let colours = trained("train.epochs=1 transforms.channels=3", "coloured");
    let said = world.refused(&colours, "");
    assert!(said.starts_with("it takes images of 3 channels, but those to learn from have 1"), "{said}");
    assert!(said.contains("--set transforms.channels=3"), "{said}");
    let mut grey = colours.transforms().to_vec();
    grey.insert(0, ocelli_data::transforms::Grayscale { num_output_channels: 3 }.into());
    let said = world.refused(&altered(&colours, grey, &classes), "transforms.channels=3");
    assert!(
        said.starts_with("its images go through Grayscale, but those to learn from through no transform"),
        "{said}"
    );
}

/// Stops after so many batches.
struct Stopper(usize);

impl Observer for Stopper {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Batch(_) = event {
            self.0 -= 1;
        }
    }

    fn wants_stop(&mut self) -> bool {
        self.0 == 0
    }
}

#[test]
fn a_taught_run_goes_on_to_the_same_bits_and_with_no_other_teacher() {
    let world = World::new();
    let teacher = world.path("big/model.safetensors");
    let usual = world.taught(&teacher, "", 1);
    let stopped = world.path("stopped");
    let run = world.prepare(&world.taught_by(&teacher, ""), 2);
    assert!(matches!(run.train(&stopped, &mut Stopper(6)), Err(TrainError::Stopped { .. })));

    let refused = |settings: &str| {
        let error = Resume::open(&stopped, Some(world.recipe(settings)), options(1)).unwrap_err();
        assert!(matches!(error, TrainError::Resume { .. }), "{error}");
        error.to_string()
    };
    let other = world.path("other.safetensors");
    let mut weights = world.teacher().weights().clone();
    let name = weights.names().next().unwrap().to_owned();
    let ocelli_nn::TensorData::F32(values) = &mut weights.get_mut(&name).unwrap().data else {
        panic!("{name}")
    };
    values[0] += 1.0;
    let old = world.teacher();
    Classifier::new(old.network().clone(), weights, old.transforms().to_vec(), old.classes().to_vec())
        .unwrap()
        .save(&other)
        .unwrap();
    let said = refused(&world.taught_by(&other, ""));
    assert!(said.contains("other.safetensors is another one than that which the run began with"), "{said}");
    assert!(refused("").contains("distill.teacher is left out, but the run began with"));
    assert!(refused(&world.taught_by(&teacher, "distill.alpha=0.5")).contains("distill.alpha is 0.5"));

    // The same teacher may lie elsewhere, and be noted to have a temperature.
    let moved = world.path("moved.safetensors");
    old.with_temperature(1.5).unwrap().save(&moved).unwrap();
    fs::remove_file(&teacher).unwrap();
    let recipe = world.recipe(&world.taught_by(&moved, ""));
    Resume::open(&stopped, Some(recipe), options(1)).unwrap().train(&mut quiet()).unwrap();
    assert!(Classifier::load(stopped.join("last.safetensors")).unwrap().weights() == &usual);
}
