use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn mlflows_examples_are_read() {
    for (text, canonical) in [
        ("metrics.accuracy > 0.72", "metrics.accuracy > 0.72"),
        ("metric.\"accuracy\">=-1e-3", "metrics.accuracy >= -0.001"),
        ("metrics.`val/acc` <= 5 and param.lr!='0.1'", "metrics.`val/acc` <= 5 AND params.lr != '0.1'"),
        ("parameters.opt.name LIKE \"ad%\"", "params.opt.name LIKE 'ad%'"),
        ("tags.mlflow.parentRunId = 'x'", "tags.mlflow.parentRunId = 'x'"),
        ("tag.\"mlflow.source.name\" ilike '%RUN'", "tags.mlflow.source.name ILIKE '%RUN'"),
        ("status = 'FINISHED'", "attributes.status = 'FINISHED'"),
        ("attributes.`Run name` != 'it'", "attributes.run_name != 'it'"),
        ("run.created > 1664067852747", "attributes.start_time > 1664067852747"),
        ("run_id IN ('a', \"b\" ,'c')", "attributes.run_id IN ('a', 'b', 'c')"),
        ("attr.run_id not in ('a')", "attributes.run_id NOT IN ('a')"),
        (
            "dataset.context = 'train' AND datasets.name in ('a')",
            "datasets.context = 'train' AND datasets.name IN ('a')",
        ),
        ("params.a is null and tags.b IS NOT NULL", "params.a IS NULL AND tags.b IS NOT NULL"),
        ("params.x = \"it's\"", "params.x = \"it's\""),
        ("params.layers.0.out = '3'", "params.`layers.0.out` = '3'"),
        ("  ", ""),
    ] {
        assert_eq!(read(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, at, hint) in [
        ("metrics.a > 1 or metrics.b > 2", 15, "there is no `or`"),
        ("metrics.a > '1'", 13, "a number"),
        ("params.a = 1", 12, "in quotes"),
        ("params.a > '1'", 10, "="),
        ("params.a IN ('1')", 10, "LIKE"),
        ("metrics.a", 10, "needs a comparison"),
        ("metrics.a == 1", 11, "=="),
        ("loss < 1", 1, "metrics.loss"),
        ("models.a = 'x'", 1, "none of"),
        ("datasets.size = 'x'", 1, "digest"),
        ("params.a = 'x", 12, "never closed"),
        ("params.\"a\".b = 'x'", 1, "whole name"),
        ("metrics.a > 1e", 13, "no number"),
        ("run_id IN ('a'", 15, "('a', 'b')"),
        ("metrics.a > 1 and", 18, "begins with"),
        ("metrics.a > 1; drop table runs", 14, "';'"),
        ("metrics.a IS NULL", 11, "needs a comparison"),
    ] {
        match text.parse::<Filter>() {
            Err(TrackError::Filter { at: found, reason, .. }) => {
                assert_eq!(found, at, "{text}: {reason}");
                assert!(reason.contains(hint), "{text}: {reason}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn orders_are_read() {
    for (text, canonical) in [
        ("metrics.loss", "metrics.loss ASC"),
        ("metrics.`val loss` desc", "metrics.`val loss` DESC"),
        ("start_time DESC", "attributes.start_time DESC"),
        ("attribute.Created asc", "attributes.start_time ASC"),
    ] {
        assert_eq!(text.parse::<OrderBy>().unwrap().to_string(), canonical);
    }
    for wrong in ["", "metrics.a down", "metrics.a ASC, metrics.b", "datasets.name", "'a'"] {
        assert!(wrong.parse::<OrderBy>().is_err(), "{wrong}");
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_][a-z0-9_]{0,8}", "[a-z]{1,3}(\\.[a-z0-9]{1,3}){1,3}", "[-a-zA-Z0-9_. /:]{1,12}"]
}

/// What can stand between quotes.
fn value() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("in quotes of one kind", |text| {
        lex::fits_quotes(text, '\'') || lex::fits_quotes(text, '"')
    })
}

fn clause() -> impl Strategy<Value = Clause> {
    let comparison = prop::sample::select(Comparison::ALL.to_vec());
    let number = (comparison, -1e12..1e12f64).prop_map(|(comparison, value)| Test::Number(comparison, value));
    let text = prop_oneof![
        (any::<bool>(), value()).prop_map(|(equal, value)| Test::Text { equal, value }),
        (value(), any::<bool>()).prop_map(|(pattern, ignore_case)| Test::Like { pattern, ignore_case }),
    ];
    let list = (prop::collection::vec(value(), 1..4), any::<bool>())
        .prop_map(|(values, negated)| Test::In { values, negated });
    let null = any::<bool>().prop_map(|negated| Test::Null { negated });
    prop_oneof![
        (key().prop_map(Field::Metric), number),
        (prop_oneof![key().prop_map(Field::Param), key().prop_map(Field::Tag)], prop_oneof![text, null]),
        (
            prop_oneof![
                Just(Field::Attribute(Attribute::RunId)),
                prop::sample::select(DatasetField::ALL.to_vec()).prop_map(Field::Dataset)
            ],
            list
        ),
    ]
    .prop_map(|(field, test)| Clause { field, test })
}

proptest! {
    #[test]
    fn filters_read_back_as_they_are_written(clauses in prop::collection::vec(clause(), 0..5)) {
        let filter = Filter { clauses };
        prop_assert_eq!(read(&filter.to_string()), filter);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*|[a-z.`\"'()=<>!,0-9 \\\\-]*") {
        if let Ok(filter) = text.parse::<Filter>() {
            prop_assert_eq!(read(&filter.to_string()), filter);
        }
        let _ = text.parse::<OrderBy>();
    }
}
