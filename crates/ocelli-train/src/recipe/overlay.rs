//! Layers of settings, each laid over the one before: defaults, the recipe file, `--set` and flags in their order.

use super::{Recipe, RecipeError, derived};
use ocelli_model::Classifier;
use std::path::Path;
use toml::{Table, Value};

/// Tables that stand for a choice: naming another one starts it afresh instead of mixing two.
const CHOICES: [&str; 4] = ["train.optimizer", "train.schedule", "train.loss", "data.sampler"];

/// What a recipe names by paths that may lie beside it.
const FILES: [(&str, &str); 3] = [("model", "network"), ("model", "weights"), ("distill", "teacher")];

/// Builds a [`Recipe`] from its defaults, a file and single settings, each laid over what came before.
///
/// ```
/// use ocelli_train::RecipeBuilder;
/// # fn main() -> Result<(), ocelli_train::RecipeError> {
/// let recipe = RecipeBuilder::new().set("train.epochs=3")?.set("train.optimizer=adam")?.build()?;
/// assert_eq!(recipe.train.epochs, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RecipeBuilder {
    table: Table,
}

impl Default for RecipeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl RecipeBuilder {
    /// Starts from the defaults.
    pub fn new() -> Self {
        let table = Table::try_from(Recipe::default()).expect("the default recipe is plain data");
        RecipeBuilder { table }
    }

    /// Lays a recipe file, or the recipe that a model (`.safetensors`) was trained by, over what there is. Files that it names by relative paths as its network, weights or teacher are
    /// looked for beside it first.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has an unknown key or a value of the wrong kind.
    pub fn file(self, path: &Path) -> Result<Self, RecipeError> {
        let text = text_of(path)?;
        let origin = path.display().to_string();
        let mut table: Table = toml::from_str(&text).map_err(|error| syntax(&origin, &error))?;
        find_beside(path, &mut table);
        self.overlay(table, &origin)
    }

    /// Lays a recipe's text over what there is; `origin` names it in errors.
    ///
    /// # Errors
    /// Not TOML, an unknown key, or a value of the wrong kind.
    pub fn text(self, text: &str, origin: &str) -> Result<Self, RecipeError> {
        let table: Table = toml::from_str(text).map_err(|error| syntax(origin, &error))?;
        self.overlay(table, origin)
    }

    /// Lays one `KEY=VALUE` over what there is, as `--set` takes it. The value is TOML; what is not TOML is text.
    ///
    /// # Errors
    /// No `=`, an unknown key, or a value of the wrong kind.
    pub fn set(self, assignment: &str) -> Result<Self, RecipeError> {
        let not_key_value = || RecipeError::NotKeyValue { given: assignment.to_string() };
        let (key, value) = assignment.split_once('=').ok_or_else(not_key_value)?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(not_key_value());
        }
        let parsed: Option<Table> = toml::from_str(&format!("value = {value}")).ok();
        // One value and nothing after it: a line break in the text must not bring in more keys.
        let parsed = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Value::String(value.to_string()));
        self.value(key, value, &format!("--set {assignment}"))
    }

    /// Lays one value over what there is; `origin` names it in errors (`--lr`).
    ///
    /// # Errors
    /// An unknown key, or a value of the wrong kind.
    pub fn value(self, key: &str, value: impl Into<Value>, origin: &str) -> Result<Self, RecipeError> {
        let nested = key
            .rsplit('.')
            .fold(value.into(), |value, part| Value::Table(Table::from_iter([(part.to_string(), value)])));
        match nested {
            Value::Table(table) => self.overlay(table, origin),
            _ => Ok(self),
        }
    }

    fn overlay(mut self, table: Table, origin: &str) -> Result<Self, RecipeError> {
        derived::reopen(&mut self.table, &table);
        let sets = |key| derived::sets(&table, key);
        let augments = sets("transforms.augment") && !sets("transforms.train");
        if augments && derived::sets(&self.table, "transforms.train") {
            return Err(RecipeError::Invalid {
                origin: origin.to_string(),
                message:
                    "has no effect: transforms.train is given and says what is done; leave one of them out"
                        .to_string(),
                suggestion: None,
            });
        }
        merge(&mut self.table, table, "");
        self.read(origin)?;
        Ok(self)
    }

    fn read(&self, origin: &str) -> Result<Recipe, RecipeError> {
        self.table.clone().try_into().map_err(|error| RecipeError::from_toml(origin, &error, &self.table))
    }

    /// The recipe, every value checked against its range.
    ///
    /// # Errors
    /// A value outside its range.
    pub fn build(self) -> Result<Recipe, RecipeError> {
        let recipe = self.read("recipe")?;
        recipe.check()?;
        Ok(recipe)
    }
}

/// Lets the paths that a recipe has of files beside it mean the same from any folder.
fn find_beside(recipe: &Path, table: &mut Table) {
    for (section, key) in FILES {
        if let Some(Value::String(name)) = table.get_mut(section).and_then(|section| section.get_mut(key)) {
            let beside = recipe.with_file_name(&*name);
            if beside.is_file() {
                *name = beside.display().to_string();
            }
        }
    }
}

/// A syntax error keeps the reader's picture of the line: it shows the place.
fn syntax(origin: &str, error: &toml::de::Error) -> RecipeError {
    RecipeError::Invalid {
        origin: origin.to_string(),
        message: format!("not TOML\n{}", error.to_string().trim_end()),
        suggestion: None,
    }
}

fn merge(base: &mut Table, over: Table, path: &str) {
    for (key, value) in over {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let choice = CHOICES.contains(&path.as_str());
        let value = match value {
            Value::String(name) if choice => {
                Value::Table(Table::from_iter([("name".to_string(), Value::String(name))]))
            }
            other => other,
        };
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if !(choice && above.contains_key("name")) => {
                merge(below, above, &path);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// A recipe's file, or the recipe in a model's.
fn text_of(path: &Path) -> Result<String, RecipeError> {
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        let origin = path.display().to_string();
        let wrong = |message| RecipeError::Invalid { origin, message, suggestion: None };
        return match Classifier::load(path) {
            Ok(model) => model
                .origin()
                .recipe
                .clone()
                .ok_or_else(|| wrong("is a model that has no recipe in it".into())),
            // It names the file itself.
            Err(error) => Err(wrong(error.to_string())),
        };
    }
    std::fs::read_to_string(path).map_err(|source| RecipeError::Io {
        path: path.to_path_buf(),
        doing: "read",
        source,
    })
}
