//! The recipe: the one description of a run, as TOML.

mod class_weights;
mod derived;
mod differences;
mod distill;
mod error;
mod loss;
mod overlay;
mod sections;
mod transforms;

pub use class_weights::{ClassWeightRule, ClassWeights};
pub(crate) use derived::derived;
pub(crate) use differences::{Difference, differences};
pub use distill::DistillSection;
pub use error::RecipeError;
pub use loss::{FocalChoice, LossChoice, SigmoidFocalChoice};
pub use overlay::RecipeBuilder;
pub use sections::{DataSection, ModelSection, Monitor, OnDivergence, TrainSection};
pub use transforms::TransformsSection;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What a resolved recipe says of [`Recipe::derived`].
const ABOUT_DERIVED: &str = "# Worked out by the run: what `derived` lists. Where --set or a flag changes what it comes from, it is worked out anew.\n";

/// Everything that decides what a run does: the same recipe on the same data gives the same weights, bit for bit.
///
/// What is left out takes its default; what depends on the data (sizes, mean and std, the learning rate that suits the
/// optimizer) is resolved when the run starts. The resolved recipe is written beside the model and can be read in again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Decides the initial weights, the order of the samples, every random transform and dropout, and the split (default 1).
    pub seed: u64,
    /// In the recipe that a run writes out: the settings that it worked out from others and from the data. Where a later
    /// layer ([`RecipeBuilder`]) changes what they come from, they are worked out anew (default: none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<String>,
    /// What to train on.
    pub data: DataSection,
    /// What to train.
    pub model: ModelSection,
    /// What happens to an image before the network sees it.
    pub transforms: TransformsSection,
    /// How to train.
    pub train: TrainSection,
    /// What to learn from beside the labels (default: nothing).
    #[serde(skip_serializing_if = "sections::is_default")]
    pub distill: DistillSection,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            seed: 1,
            derived: Vec::new(),
            data: DataSection::default(),
            model: ModelSection::default(),
            transforms: TransformsSection::default(),
            train: TrainSection::default(),
            distill: DistillSection::default(),
        }
    }
}

impl Recipe {
    /// Reads a recipe file over the defaults.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, has an unknown key, or a value that is out of its range.
    pub fn load(path: &Path) -> Result<Recipe, RecipeError> {
        RecipeBuilder::new().file(path)?.build()
    }

    /// The recipe as TOML, every setting that has a value included.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string(self).expect("a recipe is plain data");
        if self.derived.is_empty() { text } else { format!("{ABOUT_DERIVED}{text}") }
    }

    /// Every setting that has a value by its full name, `train.lr`: text as it is, all else as TOML.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let text = |value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        differences::settings(self).into_iter().map(|(key, value)| (key, text(value))).collect()
    }

    /// Writes the recipe to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RecipeError> {
        std::fs::write(path, self.to_toml()).map_err(|source| RecipeError::Io {
            path: path.to_path_buf(),
            doing: "written",
            source,
        })
    }

    /// Checks every value against its range.
    pub(crate) fn check(&self) -> Result<(), RecipeError> {
        let wrong = |key: &str, problem: String| Err(RecipeError::OutOfRange { key: key.into(), problem });
        if i64::try_from(self.seed).is_err() {
            return wrong("seed", format!("is {}, but TOML holds numbers up to {}", self.seed, i64::MAX));
        }
        derived::check(&self.derived)?;
        self.data.check()?;
        self.model.check()?;
        self.transforms.check()?;
        self.train.check()?;
        self.distill.check(!self.train.resize.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, Schedule};

    #[test]
    fn settings_are_flat_text() {
        let settings = RecipeBuilder::new().set("train.optimizer=sgd").unwrap().build().unwrap().settings();
        let of = |key: &str| settings.get(key).map(String::as_str);
        assert_eq!((of("train.optimizer.name"), of("seed")), (Some("sgd"), Some("1")));
        assert!(!settings.contains_key("train.optimizer") && !settings.contains_key("train.lr"));
    }

    fn error(result: Result<RecipeBuilder, RecipeError>) -> String {
        result.and_then(RecipeBuilder::build).unwrap_err().to_string()
    }

    #[test]
    fn a_recipe_written_out_reads_back_the_same() {
        let recipe =
            RecipeBuilder::new().set("train.optimizer=adamw").unwrap().set("train.lr=0.002").unwrap();
        let recipe = recipe.set("train.schedule=cosine").unwrap().build().unwrap();
        let again = RecipeBuilder::new().text(&recipe.to_toml(), "again").unwrap().build().unwrap();
        assert_eq!(recipe, again);
        let derived = Recipe { derived: vec!["train.lr".into()], ..recipe };
        let text = derived.to_toml();
        assert!(text.starts_with("# Worked out by the run"), "{text}");
        assert_eq!(RecipeBuilder::new().text(&text, "again").unwrap().build().unwrap(), derived);
    }

    #[test]
    fn files_beside_a_recipe_are_found_from_any_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("small.toml"), "").unwrap();
        let network = |name: &str| {
            std::fs::write(path("recipe.toml"), format!("[model]\nnetwork = '{name}'")).unwrap();
            Recipe::load(&path("recipe.toml")).unwrap().model.network
        };
        assert_eq!(network("small.toml"), path("small.toml").display().to_string());
        assert_eq!(network("lesson"), "lesson");
        assert_eq!(network("elsewhere/small.toml"), "elsewhere/small.toml");
        std::fs::write(path("big.safetensors"), "").unwrap();
        std::fs::write(path("recipe.toml"), "[distill]\nteacher = 'big.safetensors'").unwrap();
        let teacher = Recipe::load(&path("recipe.toml")).unwrap().distill.teacher.unwrap();
        assert_eq!(teacher, path("big.safetensors").display().to_string());
    }

    #[test]
    fn unknown_keys_suggest_the_nearest() {
        let new = RecipeBuilder::new;
        let said = error(new().set("train.epoch=3"));
        assert!(said.contains("--set train.epoch=3") && said.contains("did you mean `epochs`?"), "{said}");
        let said = error(new().text("[trian]\nlr = 1.0", "my.toml"));
        assert!(said.starts_with("my.toml: ") && said.contains("did you mean `train`?"), "{said}");
        let said = error(new().set("train.optimizer.weight_decy=0.8"));
        assert!(said.contains("did you mean `weight_decay`?"), "{said}");
        let said = error(new().set("train.optimizer=adm"));
        assert!(said.contains("did you mean `adam`?"), "{said}");
        let said = error(new().set("train.schedule.name=one_cycle"));
        assert!(said.contains("did you mean `one-cycle`?"), "{said}");
        let said = error(new().set("train.schedule.name=constant").unwrap().set("train.schedule.gamma=3"));
        assert!(said.contains("unknown field `gamma`"), "{said}");
    }

    #[test]
    fn errors_name_the_key_and_the_origin() {
        let said = error(RecipeBuilder::new().set("train.lr=fast"));
        assert!(said.contains("--set train.lr=fast") && said.contains("train.lr`"), "{said}");
        let said = error(RecipeBuilder::new().text("a = = 3", "my.toml"));
        assert!(said.starts_with("my.toml: not TOML") && said.contains("line 1"), "{said}");
        assert!(error(RecipeBuilder::new().set("train.lr")).contains("KEY=VALUE"));
        assert!(error(RecipeBuilder::new().set("train.lr=-1")).contains("train.lr is -1"));
        assert!(error(RecipeBuilder::new().set("train.epochs=0")).contains("train.epochs is 0"));
        assert!(
            error(RecipeBuilder::new().set("train.optimizer.eps=-1")).contains("train.optimizer.eps is -1")
        );
    }

    #[test]
    fn losses_are_chosen_by_name() {
        let of = |setting: &str| RecipeBuilder::new().set(setting).unwrap().build().unwrap().train.loss;
        assert_eq!(RecipeBuilder::new().build().unwrap().train.loss, None);
        assert_eq!(of("train.loss=focal"), Some(LossChoice::Focal(FocalChoice { gamma: 2.0 })));
        assert_eq!(
            of("train.loss={ name = 'focal', gamma = 0.5 }"),
            Some(LossChoice::Focal(FocalChoice { gamma: 0.5 }))
        );
        assert_eq!(of("train.loss=cross-entropy"), Some(LossChoice::CrossEntropy));
        let said = error(RecipeBuilder::new().set("train.loss=focl"));
        assert!(said.contains("did you mean `focal`?"), "{said}");
        let focal = RecipeBuilder::new().set("train.loss=focal").unwrap();
        let said = error(focal.clone().set("train.loss.gamma=-1"));
        assert!(said.contains("train.loss.gamma is -1"), "{said}");
        let said = error(focal.clone().set("train.label_smoothing=0.1"));
        assert!(said.contains("only cross-entropy has it"), "{said}");
        let said = error(RecipeBuilder::new().set("train.label_smoothing=1.5"));
        assert!(said.contains("train.label_smoothing is 1.5, but must be 0 to 1"), "{said}");
        let several = RecipeBuilder::new().set("train.loss=sigmoid-focal").unwrap();
        let said = error(several.clone().set("train.loss.alpha=2"));
        assert!(said.contains("train.loss.alpha is 2, but must be 0 to 1, or -1 for none"), "{said}");
        let said = error(several.set("train.class_weights=balanced"));
        assert!(said.contains("weighs by its own alpha"), "{said}");
        let focal = focal.build().unwrap();
        let again = RecipeBuilder::new().text(&focal.to_toml(), "again").unwrap().build().unwrap();
        assert_eq!(focal, again);
    }

    #[test]
    fn a_teacher_is_named_with_what_it_counts() {
        let new = RecipeBuilder::new;
        let plain = new().build().unwrap();
        assert!(!plain.to_toml().contains("distill"), "what is not asked for is not told");
        let recipe = new().set("distill.teacher=big.safetensors").unwrap();
        let DistillSection { temperature, alpha, .. } = recipe.clone().build().unwrap().distill;
        assert_eq!((temperature, alpha), (4.0, 0.9));
        let recipe = recipe.set("distill.alpha=0.5").unwrap().build().unwrap();
        assert_eq!(new().text(&recipe.to_toml(), "again").unwrap().build().unwrap(), recipe);
        let resized = new().set("distill.teacher=a").unwrap().set("train.resize=[{size=[8,8],until=1}]");
        assert!(error(resized).starts_with("distill.teacher cannot be with train.resize"));
        let said = error(new().set("distill.alpha=0.5"));
        assert!(said.starts_with("distill.alpha has no effect: no teacher is named"), "{said}");
        assert!(
            error(new().set("distill.temperature=0"))
                .contains("distill.temperature is 0, but must be above 0")
        );
        assert!(error(new().set("distill.alpha=1.5")).contains("must be 0 to 1"));
        assert!(error(new().set("techer='a'")).ends_with("did you mean `distill.teacher`?"));
    }

    #[test]
    fn naming_an_optimizer_starts_it_afresh() {
        let recipe = RecipeBuilder::new().set("train.optimizer.weight_decay=0.7").unwrap();
        let Optimizer::AdamW(adamw) = recipe.clone().build().unwrap().train.optimizer else {
            panic!("not AdamW")
        };
        assert_eq!(adamw.weight_decay, 0.7);
        let recipe = recipe.set("train.optimizer.name=adam").unwrap().build().unwrap();
        assert_eq!(recipe.train.optimizer, Optimizer::Adam(crate::Adam::default()));
    }

    #[test]
    fn what_was_worked_out_is_left_open_again_where_its_sources_change() {
        let resolved = "seed = 1\nderived = ['train.lr', 'transforms.size', 'transforms.train', 'transforms.eval']\n\
                        [transforms]\nsize = [32, 32]\nchannels = 3\naugment = true\n\
                        train = [{ type = 'RandomCrop', size = 32 }, { type = 'Normalize' }]\n\
                        eval = [{ type = 'Normalize' }]\n[train]\nlr = 0.005";
        let with = |setting: &str| {
            let recipe = RecipeBuilder::new().text(resolved, "r/recipe.toml").unwrap();
            recipe.set(setting).unwrap().build().unwrap()
        };
        let open = |recipe: &Recipe| {
            let Recipe { transforms, train, .. } = recipe;
            [
                train.lr.is_none(),
                transforms.size.is_none(),
                transforms.train.is_none(),
                transforms.eval.is_none(),
            ]
        };
        assert_eq!(open(&with("train.epochs=3")), [false; 4]);
        assert_eq!(open(&with("train.optimizer=sgd")), [true, false, false, false]);
        assert_eq!(open(&with("transforms.augment=false")), [false, false, true, true]);
        assert_eq!(open(&with("transforms.channels=1")), [false, false, true, true]);
        assert_eq!(open(&with("data.path=other")), [false, true, true, true]);
        let recipe = with("transforms.size=[48, 48]");
        assert_eq!((open(&recipe), recipe.transforms.size), ([false, false, true, true], Some([48, 48])));
        assert_eq!(recipe.derived, ["train.lr"], "a size that is set is not worked out");
        assert_eq!(recipe.transforms.channels, Some(3), "what was set by hand stays");
        let recipe = with("transforms.train=[]");
        assert_eq!(open(&recipe), [false, true, false, true]);
        let recipe = RecipeBuilder::new().text(resolved, "r").unwrap().set("train.lr=0.1").unwrap();
        assert_eq!(recipe.set("train.optimizer=sgd").unwrap().build().unwrap().train.lr, Some(0.1));
        assert!(error(RecipeBuilder::new().set("derived=['lr']")).starts_with("derived lists lr, but only"));
    }

    #[test]
    fn augment_with_a_list_is_refused() {
        let list = "transforms.train=[{ type = 'RandomHorizontalFlip' }]";
        let said = error(RecipeBuilder::new().set(list).unwrap().set("transforms.augment=false"));
        assert!(said.starts_with("--set transforms.augment=false: has no effect: transforms.train is given"));
        let said = error(RecipeBuilder::new().set("transforms.augment=false").unwrap().set(list));
        assert!(said.contains("transforms.train has RandomHorizontalFlip, which is random"), "{said}");
    }

    #[test]
    fn keys_of_other_sections_are_suggested() {
        for (setting, key) in [
            ("lr=3", "train.lr"),
            ("epochs=3", "train.epochs"),
            ("batch-size=3", "train.batch_size"),
            ("train.size=[3, 3]", "transforms.size"),
            ("augmnt=false", "transforms.augment"),
            ("weight_decay=0.1", "train.optimizer.weight_decay"),
            ("data.epochs=3", "train.epochs"),
            ("clip_nrom=1.0", "train.clip_norm"),
            ("warm_up={length=3}", "train.warmup"),
        ] {
            let said = error(RecipeBuilder::new().set(setting));
            assert!(said.ends_with(&format!("did you mean `{key}`?")), "{said}");
        }
        let said = error(RecipeBuilder::new().set("train.optimizer.momentum=0.9"));
        assert!(said.contains("momentum") && said.contains("the optimizer is adamw"), "{said}");
        let said = error(RecipeBuilder::new().set("train.schedule.gamma=0.9"));
        assert!(said.contains("gamma") && said.contains("the schedule is one-cycle"), "{said}");
    }

    #[test]
    fn every_optimizer_and_schedule_can_be_named() {
        let named = |key: &str, name: &str| RecipeBuilder::new().set(&format!("train.{key}={name}"));
        for name in Optimizer::NAMES {
            assert_eq!(named("optimizer", name).unwrap().build().unwrap().train.optimizer.name(), *name);
        }
        for name in Schedule::NAMES.iter().filter(|name| !matches!(**name, "multi-step" | "sequence")) {
            assert_eq!(named("schedule", name).unwrap().build().unwrap().train.schedule.name(), *name);
        }
        assert!(error(named("optimizer", "rmspop")).contains("did you mean `rmsprop`?"));
        assert!(error(named("schedule", "CosineAnealingLR")).contains("did you mean `CosineAnnealingLR`?"));
        let sequence = "{name='sequence',milestones=[2],schedules=[{name='linear'},{name='cosine',T_max=9}]}";
        let recipe = named("schedule", sequence).unwrap().set("train.warmup={length=3,by='batch'}").unwrap();
        let recipe = recipe.build().unwrap();
        assert_eq!(RecipeBuilder::new().text(&recipe.to_toml(), "again").unwrap().build().unwrap(), recipe);
        let wrong = "{name='sequence',milestones=[2],schedules=[{name='linear'},{name='cosine',T_max=0}]}";
        let said = error(named("schedule", wrong));
        assert!(said.starts_with("train.schedule.schedules has in cosine: T_max is 0"), "{said}");
        assert!(
            error(RecipeBuilder::new().set("train.warmup={start_factor=0}"))
                .contains("train.warmup.start_factor")
        );
        assert!(error(RecipeBuilder::new().set("train.clip_norm=0")).contains("train.clip_norm is 0"));
    }

    #[test]
    fn later_settings_win() {
        let recipe = RecipeBuilder::new().text("[train]\nlr = 1.0\nepochs = 7", "a").unwrap();
        let recipe =
            recipe.set("train.lr=0.5").unwrap().set(" train.schedule = constant ").unwrap().build().unwrap();
        assert_eq!((recipe.train.lr, recipe.train.epochs), (Some(0.5), 7));
        assert_eq!(recipe.train.schedule, Schedule::default());
    }
}
