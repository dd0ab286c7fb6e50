use super::*;
use rusqlite::Connection;

fn refused(prepare: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    prepare(&path);
    match Database::open(&path) {
        Err(TrackError::Database { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

fn altered(sql: &str) -> String {
    refused(|path| {
        drop(Database::open(path).unwrap());
        Connection::open(path).unwrap().execute_batch(sql).unwrap();
    })
}

#[test]
fn what_is_no_database_of_mlflow_is_left_alone() {
    assert!(refused(|path| std::fs::write(path, vec![7; 4096]).unwrap()).contains("no SQLite database"));
    let reason =
        refused(|path| Connection::open(path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap());
    assert!(reason.contains("none of MLflow's"), "{reason}");
}

#[test]
fn older_and_newer_tables_are_told_with_what_to_do() {
    let older = altered("DROP TABLE input_tags; UPDATE alembic_version SET version_num = 'cc1f77228345'");
    assert!(older.contains("mlflow db upgrade") && older.contains("cc1f77228345"), "{older}");
    // SQLite adds no such column, but MLflow copies whole tables.
    let newer = altered(
        "DROP TABLE tags; CREATE TABLE tags (key TEXT NOT NULL, value TEXT, run_uuid TEXT NOT NULL, \
         region TEXT NOT NULL, PRIMARY KEY (key, run_uuid))",
    );
    assert!(newer.contains("tags.region") && newer.contains("newer MLflow"), "{newer}");
}

#[test]
fn columns_with_defaults_and_those_that_take_null_are_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    drop(Database::open(&path).unwrap());
    let add =
        "ALTER TABLE runs ADD COLUMN team TEXT NOT NULL DEFAULT 'x'; ALTER TABLE runs ADD COLUMN place TEXT";
    Connection::open(&path).unwrap().execute_batch(add).unwrap();
    let database = Database::open(&path).unwrap();
    let run = database.create_run("e", &crate::StartRun::default()).unwrap();
    assert_eq!(database.get_run(&run.id).unwrap(), run);
}

#[test]
fn infinities_and_nan_are_stored_as_mlflow_stores_them() {
    assert_eq!(write::stored(f64::INFINITY), (1.797_693_134_862_315_7e308, false));
    assert_eq!(write::stored(f64::NEG_INFINITY), (-1.797_693_134_862_315_7e308, false));
    assert_eq!(write::stored(f64::NAN), (0.0, true));
    assert_eq!(write::stored(-0.5), (-0.5, false));
}
