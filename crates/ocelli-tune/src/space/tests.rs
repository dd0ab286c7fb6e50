use super::*;
use proptest::prelude::*;

const FULL: &str = r#"
"train.optimizer.momentum" = { type = "float", low = 0.0, high = 0.99, when = { "train.optimizer.name" = ["sgd"] } }
"train.optimizer.name" = { type = "categorical", choices = ["sgd", "adam"] }
"train.lr" = { type = "float", low = 1e-4, high = 1e-1, log = true }
"train.weight_decay" = { type = "float", low = 0, high = 0.01, step = 0.001 }
"model.layers" = { type = "int", low = 1, high = 3 }
"model.width.3" = { type = "int", low = 16, high = 64, step = 16, when = { "model.layers" = 3 } }
"train.batch_size" = { type = "int", low = 16, high = 256, log = true }
"mixed" = { type = "categorical", choices = [1, 2.5, true, "text"] }
"#;

#[test]
fn a_space_is_read() {
    let space = Space::parse(FULL).unwrap();
    assert_eq!(space.len(), 8);
    let place = |name| space.iter().position(|(other, _)| other == name).unwrap();
    assert!(place("train.optimizer.name") < place("train.optimizer.momentum"));
    assert!(place("model.layers") < place("model.width.3"));
    assert_eq!(
        *space.get("train.lr").unwrap().distribution,
        Distribution::Float(crate::FloatDistribution::log(1e-4, 1e-1).unwrap())
    );
    let Distribution::Categorical(mixed) = &*space.get("mixed").unwrap().distribution else { panic!() };
    assert_eq!(mixed.choices(), [Value::Int(1), Value::Float(2.5), Value::Bool(true), Value::from("text")]);
}

#[test]
fn nested_tables_are_the_same() {
    let nested = r#"
        [train]
        lr = { type = "float", low = 1e-4, high = 1e-1, log = true }
        optimizer.name = { type = "categorical", choices = ["sgd", "adam"] }
        [train.optimizer.momentum]
        type = "float"
        low = 0.0
        high = 0.99
        when.train.optimizer.name = "sgd"
        [train.type]
        type = "int"
        low = 1
        high = 2
    "#;
    let flat = r#"
        "train.lr" = { type = "float", low = 1e-4, high = 1e-1, log = true }
        "train.optimizer.name" = { type = "categorical", choices = ["sgd", "adam"] }
        "train.optimizer.momentum" = { type = "float", low = 0.0, high = 0.99, when = { "train.optimizer.name" = ["sgd"] } }
        "train.type" = { type = "int", low = 1, high = 2 }
    "#;
    let (nested, flat) = (Space::parse(nested).unwrap(), Space::parse(flat).unwrap());
    assert_eq!(nested.to_toml(), flat.to_toml());
}

#[test]
fn a_space_reads_back() {
    let space = Space::parse(FULL).unwrap();
    let text = toml::to_string(&space.to_toml()).unwrap();
    assert_eq!(Space::parse(&text).unwrap(), space, "{text}");
}

#[test]
fn errors_name_the_parameter_and_the_cure() {
    for (text, expected) in [
        ("", "the space has no parameters; add one"),
        ("a = 3", "`a`: is a number; a parameter is a table"),
        ("a.b = [1]", "`a.b`: is a list; a parameter is a table"),
        ("a = {}", "`a`: has no type"),
        ("a = { low = 1, high = 2 }", "`a`: has no type; write type = \"float\""),
        (
            "a = { type = \"flaot\", low = 1, high = 2 }",
            "no type is called flaot; there are float, int, categorical",
        ),
        ("a = { type = \"float\", low = 1 }", "`a`: has no high; add high"),
        ("a = { type = \"float\", low = \"1\", high = 2 }", "low is a text; it must be a number"),
        ("a = { type = \"float\", low = 2, high = 1 }", "low = 2 is above high = 1; exchange them"),
        (
            "a = { type = \"float\", low = 0, high = 1, log = true }",
            "it must be above 0; raise it or leave log out",
        ),
        ("a = { type = \"float\", low = 1, high = 2, log = true, step = 0.5 }", "exclude one another"),
        ("a = { type = \"float\", low = 1, high = 2, step = 0 }", "step = 0 must be above 0"),
        ("a = { type = \"float\", low = nan, high = 2 }", "must be finite"),
        (
            "a = { type = \"float\", low = 1, high = 2, q = 1 }",
            "unknown key `q`; there are type, low, high, log, step, when",
        ),
        ("a = { type = \"int\", low = 0.5, high = 2 }", "low = 0.5 is no whole number"),
        ("a = { type = \"int\", low = 0, high = 2, log = true }", "it must be 1 or more"),
        ("a = { type = \"int\", low = 0, high = 2, log = 1 }", "log is a number; it must be true or false"),
        ("a = { type = \"categorical\" }", "`a`: has no choices"),
        ("a = { type = \"categorical\", choices = [] }", "choices is empty"),
        ("a = { type = \"categorical\", choices = [[1]] }", "choices: a value is a list; it must be text"),
        ("a = { type = \"int\", low = 1, high = 2, when = 3 }", "when is a number; it must be a table"),
        (
            "a = { type = \"int\", low = 1, high = 2, when = { b = 1 } }",
            "when: there is no parameter `b` in the space; did you mean `a`?",
        ),
        (
            "a = { type = \"int\", low = 1, high = 2, when = { a = 1 } }",
            "`a`: when: goes in a circle among a",
        ),
        (
            "a = { type = \"int\", low = 1, high = 2 }\nb = { type = \"int\", low = 1, high = 2, when = { a = [1, 3] } }",
            "`b`: when.a: it is never 3; it may be a whole number from 1 to 2",
        ),
        (
            "a = { type = \"int\", low = 1, high = 2 }\nb = { type = \"int\", low = 1, high = 2, when = { a = [] } }",
            "`b`: when.a: is empty",
        ),
        ("a = ", "not TOML"),
    ] {
        let error = Space::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}\n{error}\n{expected}");
    }
}

#[test]
fn conditions_decide_what_there_is() {
    let space = Space::parse(FULL).unwrap();
    let choose = |optimizer: &'static str, layers: i64| {
        space.fill(|name, distribution| -> Result<Value, ()> {
            Ok(match name {
                "train.optimizer.name" => optimizer.into(),
                "model.layers" => layers.into(),
                _ => distribution.at(0.5),
            })
        })
    };
    let sgd = choose("sgd", 3).unwrap();
    assert_eq!(sgd.len(), 8);
    space.check(&sgd).unwrap();
    let adam = choose("adam", 1).unwrap();
    assert_eq!(adam.len(), 6);
    space.check(&adam).unwrap();
    assert!(space.is_active("model.width.3", &sgd) && !space.is_active("model.width.3", &adam));

    let with = |name: &str, value: Value| {
        let mut params = adam.clone();
        params.insert(name.to_string(), value);
        space.check(&params).unwrap_err().to_string()
    };
    assert!(with("model.width.3", 16.into()).contains("its conditions do not hold"));
    assert!(
        with("train.lr", 0.5.into())
            .contains("`train.lr`: cannot be 0.5; it may be a number from 0.0001 to 0.1")
    );
    assert!(with("train.optimizer.name", "sgd".into()).contains("`train.optimizer.momentum`: has no value"));
    assert!(with("other", 1.into()).contains("`other`: is not in the space"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-c.=\\[\\]{}\"0-9, \n]{0,60}") {
        let _ = Space::parse(&text);
    }
}
