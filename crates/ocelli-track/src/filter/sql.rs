//! Conditions and orders as SQL, for which the runs are `r`. What MLflow makes of them is in `_get_sqlalchemy_filter_clauses` and
//! `_get_orderby_clauses` of its `SqlAlchemyStore`.

use super::{Attribute, Clause, Comparison, DatasetField, Field, OrderBy, Test};
use crate::tags;
use rusqlite::types::Value;

/// SQL with a value for each `?`.
#[derive(Default)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Sql {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds `text`, in which one `?` stands for `value`.
    pub(crate) fn push_with(&mut self, text: &str, value: impl Into<Value>) {
        self.push(text);
        self.values.push(value.into());
    }

    /// Adds `(?, ?, …)`.
    pub(crate) fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) {
        self.push("(");
        for (place, value) in values.into_iter().enumerate() {
            self.push_with(if place > 0 { ", ?" } else { "?" }, value);
        }
        self.push(")");
    }
}

/// Adds `AND …` for a condition.
pub(crate) fn condition(sql: &mut Sql, clause: &Clause) {
    match &clause.field {
        Field::Metric(key) => metric(sql, key, &clause.test),
        Field::Param(key) => keyed(sql, "params", key, &clause.test),
        Field::Tag(key) => keyed(sql, "tags", key, &clause.test),
        // The column is empty in runs of MLflow before 1.30, so MLflow asks for the tag.
        Field::Attribute(Attribute::RunName) => keyed(sql, "tags", tags::RUN_NAME, &clause.test),
        Field::Attribute(attribute) => {
            sql.push(" AND ");
            test(sql, &format!("r.{}", column(*attribute)), &clause.test);
        }
        Field::Dataset(field) => dataset(sql, *field, &clause.test),
    }
}

/// NaN is stored as 0 with a mark. It differs from every number, and no other comparison holds for it.
fn metric(sql: &mut Sql, key: &str, what: &Test) {
    let differs = matches!(what, Test::Number(Comparison::NotEqual, _));
    sql.push_with(
        " AND EXISTS (SELECT 1 FROM latest_metrics k WHERE k.run_uuid = r.run_uuid AND k.key = ? AND (",
        key.to_owned(),
    );
    test(sql, "k.value", what);
    sql.push(if differs { " OR k.is_nan = 1))" } else { " AND k.is_nan = 0))" });
}

/// A run has a row with this key for which the test holds.
fn keyed(sql: &mut Sql, table: &str, key: &str, what: &Test) {
    if let Test::Null { negated } = what {
        let not = if *negated { "" } else { "NOT " };
        let text =
            format!(" AND {not}EXISTS (SELECT 1 FROM {table} k WHERE k.run_uuid = r.run_uuid AND k.key = ?)");
        return sql.push_with(&text, key.to_owned());
    }
    sql.push_with(
        &format!(" AND EXISTS (SELECT 1 FROM {table} k WHERE k.run_uuid = r.run_uuid AND k.key = ? AND "),
        key.to_owned(),
    );
    test(sql, "k.value", what);
    sql.push(")");
}

fn dataset(sql: &mut Sql, field: DatasetField, what: &Test) {
    sql.push(" AND EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id");
    let column = match field {
        DatasetField::Name => "d.name",
        DatasetField::Digest => "d.digest",
        DatasetField::Context => {
            sql.push_with(
                " JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = ?",
                tags::DATASET_CONTEXT.to_owned(),
            );
            "t.value"
        }
    };
    sql.push(" WHERE i.destination_id = r.run_uuid AND ");
    test(sql, column, what);
    sql.push(")");
}

fn test(sql: &mut Sql, column: &str, what: &Test) {
    match what {
        Test::Number(comparison, value) => {
            sql.push_with(&format!("{column} {} ?", comparison.sign()), *value)
        }
        Test::Text { equal, value } => {
            sql.push_with(&format!("{column} {} ?", if *equal { "=" } else { "!=" }), value.clone());
        }
        // The connection tells cases apart.
        Test::Like { pattern, ignore_case: false } => {
            sql.push_with(&format!("{column} LIKE ?"), pattern.clone())
        }
        Test::Like { pattern, ignore_case: true } => {
            sql.push_with(&format!("lower({column}) LIKE lower(?)"), pattern.clone());
        }
        Test::In { values, negated } => {
            sql.push(&format!("{column} {}IN ", if *negated { "NOT " } else { "" }));
            sql.push_list(values.iter().cloned());
        }
        Test::Null { negated } => {
            sql.push(&format!("{column} IS {}NULL", if *negated { "NOT " } else { "" }))
        }
    }
}

/// The joins that orders need, and what follows `ORDER BY`.
pub(crate) fn order(orders: &[OrderBy]) -> (Sql, String) {
    let mut joins = Sql::default();
    let mut by = Vec::new();
    for (place, order) in orders.iter().enumerate() {
        let (table, key) = match &order.field {
            Field::Metric(key) => ("latest_metrics", key),
            Field::Param(key) => ("params", key),
            Field::Tag(key) => ("tags", key),
            Field::Attribute(attribute) => {
                by.push(places(&format!("r.{}", column(*attribute)), None, order.descending));
                continue;
            }
            // The parser refuses them.
            Field::Dataset(_) => continue,
        };
        let name = format!("o{place}");
        let text = format!(" LEFT JOIN {table} {name} ON {name}.run_uuid = r.run_uuid AND {name}.key = ?");
        joins.push_with(&text, key.clone());
        let nan = (table == "latest_metrics").then(|| format!("{name}.is_nan"));
        by.push(places(&format!("{name}.value"), nan.as_deref(), order.descending));
    }
    if !orders.iter().any(|order| order.field == Field::Attribute(Attribute::StartTime)) {
        by.push("r.start_time DESC".to_owned());
    }
    by.push("r.run_uuid".to_owned());
    (joins, by.join(", "))
}

/// Values first, then NaN, then what is missing, in both directions.
fn places(column: &str, nan: Option<&str>, descending: bool) -> String {
    let nan = nan.map(|nan| format!("WHEN {nan} = 1 THEN 1 ")).unwrap_or_default();
    let direction = if descending { "DESC" } else { "ASC" };
    format!("CASE {nan}WHEN {column} IS NULL THEN 2 ELSE 0 END, {column} {direction}")
}

fn column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::RunId => "run_uuid",
        Attribute::RunName => "name",
        Attribute::Status
        | Attribute::ArtifactUri
        | Attribute::UserId
        | Attribute::StartTime
        | Attribute::EndTime => attribute.name(),
    }
}
